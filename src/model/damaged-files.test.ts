/**
 * @module Damaged files: every seeded mutation of a small model either loads or ends in a PagodaError, and never sets
 * aside memory by a number that the file made up.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import { buildProgram } from "./architectures/build-program.ts";
import { ChatTemplate } from "./chat-template/chat-template.ts";
import { parseGgufConfig } from "./config/gguf-config.ts";
import { parseHuggingFaceConfig } from "./config/huggingface-config.ts";
import { loadModelFiles, type ModelFiles } from "./model-files.ts";
import { tinyFolder } from "./testing/fixtures.ts";
import { mutated, mutatedJson } from "./testing/mutations.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";
import { tinyByteLevelGguf, tinySentencePieceGguf } from "./testing/tiny-gguf.ts";

/** The whole models are below 400 KB; what reading one may hold at once stays far below this. */
const maxHeldBytes = 64 * 2 ** 20;
const headerFocusBytes = 4096;
const message = { role: "user", content: "hello world é" };

interface Tally {
  numLoaded: number;
  numRefused: number;
}

/** Runs `action`; anything but success or a PagodaError fails the test with the seed that shows it. */
function survives(tally: Tally, seed: number, action: () => void): void {
  const before = process.memoryUsage();
  try {
    action();
    tally.numLoaded++;
  } catch (error) {
    if (!(error instanceof PagodaError)) throw new Error(`seed ${seed}: not a PagodaError`, { cause: error });
    assert.ok(error.message.length < 2_000, `seed ${seed}: a message of ${error.message.length} characters`);
    assert.doesNotMatch(error.message, /\n/, `seed ${seed}: a message of several lines`);
    tally.numRefused++;
  }
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < maxHeldBytes, `seed ${seed}: buffers`);
  assert.ok(after.heapUsed - before.heapUsed < maxHeldBytes, `seed ${seed}: heap`);
}

/** Everything that is done with a model's files before weights are read. */
function useFiles(files: ModelFiles): void {
  const { config, tensors, tokenizer, chatTemplate } = files;
  const ids = tokenizer.encode(message.content, { addSpecialTokens: true });
  tokenizer.decode(ids, { skipSpecialTokens: true });
  chatTemplate?.render({
    messages: [message],
    addGenerationPrompt: true,
    continueFinalMessage: false,
    tools: null,
    templateVariables: {},
  });
  const parsed =
    config.kind === "hf" ? parseHuggingFaceConfig(config.json) : parseGgufConfig(config.metadata, tensors);
  buildProgram(parsed, tensors, { quantization: null, maxModelLen: 64 });
}

/** Damage must show both ways: some mutations are harmless, and most are noticed. */
function assertBothHappened(tally: Tally, numMutations: number): void {
  assert.equal(tally.numLoaded + tally.numRefused, numMutations);
  assert.ok(tally.numRefused > 0, "no mutation was refused");
  assert.ok(tally.numLoaded > 0, "no mutation loaded");
}

for (const [name, original, numMutations] of [
  ["GGUF with byte-level BPE", tinyByteLevelGguf(), 500],
  ["GGUF with SentencePiece", tinySentencePieceGguf(), 400],
] as const)
  test(`${numMutations} mutations of a ${name}`, (t) => {
    const path = join(temporaryFolder(t), "m.gguf");
    const tally = { numLoaded: 0, numRefused: 0 };
    for (let seed = 0; seed < numMutations; seed++) {
      writeFileSync(path, mutated(original, seed, headerFocusBytes * 3));
      survives(tally, seed, () => useFiles(loadModelFiles({ kind: "gguf", path })));
    }
    assertBothHappened(tally, numMutations);
  });

for (const [fileName, numMutations, focusBytes] of [
  ["model.safetensors", 350, headerFocusBytes],
  ["config.json", 350, 800],
  ["tokenizer.json", 450, 9000],
  ["tokenizer_config.json", 100, 200],
  ["generation_config.json", 100, 220],
] as const)
  test(`${numMutations} mutations of ${fileName}`, (t) => {
    const folder = temporaryFolder(t);
    cpSync(tinyFolder("gemma3"), folder, { recursive: true });
    const path = join(folder, fileName);
    const original = readFileSync(path);
    const tally = { numLoaded: 0, numRefused: 0 };
    for (let seed = 0; seed < numMutations; seed++) {
      // Noise mostly breaks JSON as such; every second mutation keeps it whole and changes a value.
      const keepsJson = seed % 2 === 0 && fileName.endsWith(".json");
      writeFileSync(
        path,
        keepsJson ? mutatedJson(original.toString("utf8"), seed) : mutated(original, seed, focusBytes),
      );
      survives(tally, seed, () => useFiles(loadModelFiles({ kind: "hf", path: folder })));
    }
    assertBothHappened(tally, numMutations);
  });

test("300 mutations of a chat template", () => {
  const text = Buffer.from(
    "{%- set ns = namespace(first=true) -%}{% for m in messages %}{% if m.role == 'user' %}{{ '<' + m.role + '>' + m.content | trim }}{% elif m.role not in ['system'] %}{{ raise_exception('no ' ~ m.role) }}{% endif %}{% endfor %}{{ range(3) | join(',') }}{% if add_generation_prompt %}{{ bos_token * 2 if tools else 'x'[0:1] }}{% endif %}",
  );
  const tally = { numLoaded: 0, numRefused: 0 };
  for (let seed = 0; seed < 300; seed++)
    survives(tally, seed, () => {
      const damaged = mutated(text, seed, text.length).toString("utf8");
      new ChatTemplate({ text: damaged, tools: null }, { bos_token: "<s>" }, "t").render({
        messages: [message],
        addGenerationPrompt: true,
        continueFinalMessage: false,
        tools: null,
        templateVariables: {},
      });
    });
  assertBothHappened(tally, 300);
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
