/**
 * @module Damaged files: every seeded mutation of a small model either loads or ends in a PagodaError, and never sets
 * aside memory by a number that the file made up.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import { parseHuggingFaceConfig } from "./config/huggingface-config.ts";
import { loadModelFiles } from "./model-files.ts";
import { damageTargets } from "./testing/damage-targets.ts";
import { tinyFolder } from "./testing/fixtures.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";

/** The whole models are below 400 KB; what reading one may hold at once stays far below this. */
const maxHeldBytes = 64 * 2 ** 20;

interface Tally {
  numLoaded: number;
  numRefused: number;
}

/** Runs `action`; anything but success or a PagodaError fails the test with the seed that shows it. */
function survives(tally: Tally, damage: string, action: () => void): void {
  const before = process.memoryUsage();
  try {
    action();
    tally.numLoaded++;
  } catch (error) {
    if (!(error instanceof PagodaError)) throw new Error(`${damage}: not a PagodaError`, { cause: error });
    assert.ok(error.message.length < 2_000, `${damage}: a message of ${error.message.length} characters`);
    assert.doesNotMatch(error.message, /\n/, `${damage}: a message of several lines`);
    tally.numRefused++;
  }
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < maxHeldBytes, `${damage}: buffers`);
  assert.ok(after.heapUsed - before.heapUsed < maxHeldBytes, `${damage}: heap`);
}

/** Of each file; `npm run fuzz` damages them a hundred thousand times. */
const numMutations = 150;

test("every damage to a model's files loads or ends in a named error", (t) => {
  for (const target of damageTargets(temporaryFolder(t))) {
    const tally = { numLoaded: 0, numRefused: 0 };
    for (let seed = 0; seed < numMutations; seed++)
      survives(tally, `${target.name}, seed ${seed}`, () => target.use(seed));
    // Damage must show both ways: some mutations are harmless, and most are noticed.
    assert.ok(tally.numRefused > 0, `${target.name}: no mutation was refused`);
    assert.ok(tally.numLoaded > 0, `${target.name}: no mutation loaded`);
  }
});

test("a field that is nested 20,000 deep is refused with both numbers, in every JSON file", (t) => {
  const folder = temporaryFolder(t);
  cpSync(tinyFolder("llama-gqa-rope-scaled"), folder, { recursive: true });
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const fieldOf = {
    "config.json": "architectures",
    "tokenizer.json": "model",
    "tokenizer_config.json": "eos_token",
  };
  for (const [name, field] of Object.entries(fieldOf)) {
    const path = join(folder, name);
    const original = readFileSync(path, "utf8");
    const fields = { ...(JSON.parse(original) as object), [field]: "DEEP" };
    writeFileSync(path, JSON.stringify(fields).replace('"DEEP"', deep));
    assert.throws(
      () => loadModelFiles({ kind: "hf", path: folder }),
      (error) =>
        error instanceof PagodaError &&
        error.code === "model_invalid" &&
        error.message.endsWith(
          `${name} has 20001 objects and lists inside each other; at most 256 are read.`,
        ),
      name,
    );
    writeFileSync(path, original);
  }
  loadModelFiles({ kind: "hf", path: folder });
});

test("a name in 'architectures' that is not a text names no model that generates text", () => {
  const path = join(tinyFolder("llama-gqa-rope-scaled"), "config.json");
  const fields = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  assert.throws(
    () => parseHuggingFaceConfig({ ...fields, architectures: [["LlamaForCausalLM"]] }),
    (error) => error instanceof PagodaError && /architectures/.test(error.message),
  );
});
