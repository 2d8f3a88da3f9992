import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { GrammarFault } from "../expression/fault.ts";
import { accepts } from "../testing/sample-text.ts";
import { compiledSchema, invalidTexts, validatorOf } from "../testing/schema-check.ts";

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly {
    readonly description: string;
    readonly data: unknown;
    readonly valid: boolean;
  }[];
}

const suiteFolder = join(
  dirname(createRequire(import.meta.url).resolve("json-schema-test-suite/package.json")),
  "tests/draft4",
);

const groups = readdirSync(suiteFolder)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) =>
    (JSON.parse(readFileSync(join(suiteFolder, name), "utf8")) as Group[]).map((group) => ({
      ...group,
      name,
    })),
  );

/** Deterministic and uniform enough to choose by. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** Groups of the suite whose keywords cannot be enforced: `uniqueItems`, references to other documents. */
const mayBeRefused = new Set([
  "definitions.json",
  "not.json",
  "oneOf.json",
  "ref.json",
  "refRemote.json",
  "uniqueItems.json",
]);

test("no invalid instance of the public suite can be written, and only named keywords are refused", () => {
  let [numCompiled, numValid, numWritable] = [0, 0, 0];
  for (const { name, description, schema, tests } of groups) {
    const compiled = compiledSchema(schema);
    if (compiled instanceof GrammarFault) {
      assert.ok(mayBeRefused.has(name), `${name}, ${description}: ${compiled.message}`);
      continue;
    }
    numCompiled++;
    for (const { data, valid, description: what } of tests) {
      const isWritable = accepts(compiled, JSON.stringify(data));
      if (!valid) assert.ok(!isWritable, `${name}, ${description}, ${what}: ${JSON.stringify(data)}`);
      else {
        numValid++;
        if (isWritable) numWritable++;
      }
    }
  }
  assert.ok(numCompiled / groups.length > 0.8, `${numCompiled} of ${groups.length} schemas`);
  // Some valid ones have another order of properties, or a form of a format that is not written.
  assert.ok(numWritable / numValid > 0.9, `${numWritable} of ${numValid} valid instances`);
});

test("texts that end are valid, by another validator", () => {
  const random = randomNumbers(7);
  let numChecked = 0;
  for (const { name, description, schema } of groups) {
    const compiled = compiledSchema(schema);
    const validate = validatorOf(schema);
    if (compiled instanceof GrammarFault || validate === null) continue;
    numChecked++;
    assert.deepEqual(
      invalidTexts(compiled, validate, random, 15),
      [],
      `${name}, ${description}: ${JSON.stringify(schema)}`,
    );
  }
  assert.ok(numChecked > 50, `${numChecked} schemas`);
});

const names = fc.constantFrom("a", "b", "ab", "é", 'q"');
const smallNumber = fc.integer({ min: -30, max: 30 });
const literal = fc.oneof(fc.constantFrom(null, true, false, "", "a", "ab"), smallNumber);

const { schema: anySchema } = fc.letrec<{ schema: object; object: object; leaf: object }>((tie) => ({
  leaf: fc.oneof(
    fc.record({
      type: fc.constantFrom("string"),
      minLength: fc.nat(3),
      maxLength: fc.integer({ min: 3, max: 6 }),
    }),
    fc.record({
      type: fc.constantFrom("string"),
      pattern: fc.constantFrom("^a+b?$", "[0-9]{2}", "^(x|yz)", "\\d$"),
    }),
    fc.record({
      type: fc.constantFrom("string"),
      format: fc.constantFrom("date", "date-time", "uuid", "ipv4", "email", "time"),
    }),
    fc.record({ type: fc.constantFrom("integer", "number"), minimum: smallNumber, maximum: smallNumber }),
    fc.record({
      type: fc.constantFrom("integer", "number"),
      exclusiveMinimum: fc.constantFrom(-0.5, 0, 1.25, 7),
    }),
    fc.record({
      type: fc.constantFrom("integer"),
      multipleOf: fc.constantFrom(2, 7, 12),
      minimum: smallNumber,
    }),
    fc.record({ enum: fc.uniqueArray(literal, { minLength: 1, maxLength: 4 }) }),
    fc.record({ const: literal }),
    fc.record({ type: fc.constantFrom("null", "boolean", "object", "array", "number") }),
    fc.constant({}),
  ),
  object: fc.record(
    {
      type: fc.constant("object"),
      properties: fc.dictionary(names, tie("schema"), { maxKeys: 4 }),
      required: fc.uniqueArray(names, { maxLength: 3 }),
      additionalProperties: fc.oneof(fc.boolean(), tie("leaf")),
      minProperties: fc.nat(2),
      maxProperties: fc.integer({ min: 2, max: 5 }),
    },
    { requiredKeys: ["type", "properties"] },
  ),
  schema: fc.oneof(
    { maxDepth: 3, depthIdentifier: "schema" },
    tie("leaf"),
    tie("object"),
    fc.record(
      {
        type: fc.constant("array"),
        items: tie("schema"),
        minItems: fc.nat(2),
        maxItems: fc.integer({ min: 2, max: 4 }),
      },
      { requiredKeys: ["type", "items"] },
    ),
    fc.record({
      type: fc.constant("array"),
      prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
      items: fc.boolean(),
    }),
    fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ not: tie("leaf"), type: fc.constantFrom("string", "object", "boolean") }),
    fc
      .tuple(tie("object"), tie("object"), tie("object"))
      .map(([condition, ...branches]) =>
        Object.fromEntries(["if", "then", "else"].map((key, i) => [key, [condition, ...branches][i]])),
      ),
  ),
}));

test("texts of generated schemas are valid, by another validator", () => {
  let numCompiled = 0;
  fc.assert(
    fc.property(anySchema, fc.integer({ min: 1, max: 2 ** 30 }), (schema, seed) => {
      const compiled = compiledSchema(schema);
      const validate = validatorOf(schema);
      if (compiled instanceof GrammarFault || validate === null) return;
      numCompiled++;
      assert.deepEqual(invalidTexts(compiled, validate, randomNumbers(seed), 6), [], JSON.stringify(schema));
    }),
    { numRuns: 150, seed: 20, endOnFailure: true },
  );
  assert.ok(numCompiled > 50, `${numCompiled} of 150 schemas`);
});
