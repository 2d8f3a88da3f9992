import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { fleetJsonSchema } from "./fleet-schema.ts";
import { fleetSpecFrom } from "./read-fleet-file.ts";

/** A folder with the model files that the texts name. */
const parent = mkdtempSync(join(tmpdir(), "pagoda-fleet-"));
const home = join(parent, "home");
mkdirSync(home);
writeFileSync(join(home, "small.gguf"), "");
after(() => rmSync(parent, { recursive: true }));

const read = (text: string, environment: Record<string, string> = {}) =>
  fleetSpecFrom(text, { label: "fleet.yaml", folder: home, environment });

function faultOf(text: string, environment: Record<string, string> = {}): string {
  try {
    read(text, environment);
  } catch (thrown) {
    assert.ok(thrown instanceof PagodaError, String(thrown));
    return `${thrown.message} ${thrown.hint}`;
  }
  return "no fault";
}

test("a whole file, with values as people write them", () => {
  const spec = read(`
server: {port: "8080"}
models:
  small:
    model: ./small.gguf
    aliases: gpt-4o-mini
    replicas: "2"
    memory: 700MiB
    flags: {--max-num-seqs: 8, enable_prefix_caching: false}
    environment: [A=1, B=x=y]
    ttl: 10m
  large:
    model: org/large
    engine: vLLM@0.32
    memory: 50%
    min: 0
    max: 2
    environment: {A: 1}
`);
  assert.deepEqual([spec.name, spec.host, spec.port], ["home", "127.0.0.1", 8080]);
  const [small, large] = spec.models;
  assert.deepEqual(
    [
      small?.model,
      small?.aliases,
      small?.replicas,
      small?.memory,
      small?.flags,
      small?.environment,
      small?.ttlMs,
    ],
    [
      join(home, "small.gguf"),
      ["gpt-4o-mini"],
      { min: 2, max: 2 },
      { kind: "bytes", bytes: 700 * mib },
      { "max-num-seqs": "8", "enable-prefix-caching": false },
      { A: "1", B: "x=y" },
      600_000,
    ],
  );
  assert.deepEqual(
    [large?.model, large?.engine, large?.version, large?.memory, large?.replicas],
    ["org/large", "vllm", "0.32", { kind: "share", share: 0.5 }, { min: 0, max: 2 }],
  );
});

test("memory in every dialect", () => {
  const memoryOf = (text: string) => read(`models: {m: {model: a, memory: ${text}}}`).models[0]?.memory;
  assert.deepEqual(memoryOf("12G"), { kind: "bytes", bytes: 12 * gib });
  assert.deepEqual(memoryOf("12 GiB"), { kind: "bytes", bytes: 12 * gib });
  assert.deepEqual(memoryOf("12GB"), { kind: "bytes", bytes: 12e9 });
  assert.deepEqual(memoryOf("734003200"), { kind: "bytes", bytes: 700 * mib });
  assert.deepEqual(memoryOf("0.9"), { kind: "share", share: 0.9 });
  assert.deepEqual(memoryOf("{cache-max-entry-count: 0.8}"), {
    kind: "flags",
    flags: { "cache-max-entry-count": "0.8" },
  });
});

test("unknown keys and wrong values have the line and what to write", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      "models:\n  m:\n    model: a\n    replicsa: 2",
      /^fleet\.yaml line 4: 'replicsa' is not a key of a model\. Use replicas\./,
    ],
    [
      "models:\n  m:\n    model: a\n    replicas: two",
      /^fleet\.yaml line 4: models\.m\.replicas is "two"; it must be a whole number from 0 to 256.* Write replicas: 2\./,
    ],
    [
      "models:\n  m:\n    model: a\n    memory: 12 gigs",
      /line 4: models\.m\.memory is "12 gigs"; it must be a size/,
    ],
    ["models:\n  m:\n    memory: 1G", /line 2: models\.m has no model\. Add model: it must be a path/],
    ["models:\n\t m: {model: a}", /line 2: The line begins with a tab.*Replace the tab by spaces/],
    [
      "models:\n  m:\n    model: a\n   replicas: 2",
      /line 4: The line 'replicas: 2' does not fit the lines before it/,
    ],
    [
      "models:\n  - name: m\n    model: a",
      /line 1: models is a list; it must be a mapping of names to models\. Write each model under its name/,
    ],
    ["version: '3'\nmodels: {m: {model: a}}", /line 1: 'version' is not a key of the file\. Leave it out\./],
    ["services:\n  m:\n    image: vllm", /line 1: 'services' is not a key of the file\. Use models\./],
    [
      "models:\n  m:\n    model: a\n    image: vllm",
      /line 4: 'image' is not a key of a model\. Use engine\./,
    ],
    ["models:\n  m:\n    model: a\n    mem_limit: 12g", /'mem_limit' is not a key of a model\. Use memory\./],
    [
      "models:\n  m:\n    model: a\n    restart: unless-stopped",
      /restart is "unless-stopped"; it must be always, never or fix/,
    ],
    ["models:\n  m: {model: a}\n  m: {model: b}", /line 3: The key 'm' is there twice/],
    [
      "models:\n  m: {model: a, aliases: [x]}\n  n: {model: b, aliases: [x]}",
      /line 3: x is a name of both m and n/,
    ],
    ["models:\n  m: {model: a, min: 3, max: 2}", /line 2: models\.m\.max is less than min, which is 3\./],
    ["models:\n  m: {model: a, replicas: 2, max: 3}", /models\.m\.replicas stands beside min or max/],
    ["models: {}", /line 1: The mapping models is empty/],
    ["", /The file has no models|The file is/],
    [
      "models:\n  m:\n    model: ./nothere.gguf",
      /line 3: .*nothere\.gguf does not exist\. Write a path from the file's folder/,
    ],
    [
      "models:\n  m:\n    model: a\nrouter:\n  wait: soon",
      /line 5: router\.wait is "soon"; it must be a length of time/,
    ],
    [
      "models:\n  m:\n  model: a",
      /line 2: models\.m is empty; it must be a mapping\. Write the keys of m below it, with more spaces in front\./,
    ],
    ["just text", /The file is "just text"; it must be a mapping/],
  ];
  for (const [text, expected] of cases) assert.match(faultOf(text), expected, text);
});

test("variables stay values, and what is missing is named with its line", () => {
  const spec = read("models:\n  m:\n    model: ${M}\n    replicas: ${N:-3}\n    environment: {P: a$$b}", {
    M: "x: {y: z}",
  });
  assert.deepEqual(
    [spec.models[0]?.model, spec.models[0]?.replicas.min, spec.models[0]?.environment],
    ["x: {y: z}", 3, { P: "a$b" }],
  );
  assert.match(
    faultOf("models:\n  m:\n    model: ${MODELL}", { MODEL: "x" }),
    /line 3: the variable MODELL is not set\. .*\$\{MODEL\}, which is set/,
  );
});

test("secrets come from files", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-fleet-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "key"), "s3cret\n");
  const text = "keys: {admin: {file: key}}\nmodels: {m: {model: a, environment: {HF_TOKEN: {file: ./key}}}}";
  const spec = fleetSpecFrom(text, { label: "f", folder, environment: {} });
  assert.deepEqual([spec.keys.admin, spec.models[0]?.environment], ["s3cret", { HF_TOKEN: "s3cret" }]);
  assert.throws(
    () =>
      fleetSpecFrom("keys: {admin: {file: nokey}}\nmodels: {m: {model: a}}", {
        label: "f",
        folder,
        environment: {},
      }),
    /f line 1: the file .*nokey cannot be read/,
  );
});

test("docs/fleet.schema.json is the schema that checks files, and docs/fleet.md has an example that it accepts", () => {
  const docs = join(import.meta.dirname, "../../../docs");
  const shipped: unknown = JSON.parse(readFileSync(join(docs, "fleet.schema.json"), "utf8"));
  assert.deepEqual(
    shipped,
    JSON.parse(JSON.stringify(fleetJsonSchema())),
    "run node scripts/build-fleet-schema.ts",
  );
  const examples = [...readFileSync(join(docs, "fleet.md"), "utf8").matchAll(/```yaml\n(.*?)```/gs)];
  assert.ok(examples.length > 0);
  for (const [, example = ""] of examples)
    assert.ok(read(example, { HF_TOKEN: "t", ADMIN_KEY: "k" }).models.length > 0);
});
