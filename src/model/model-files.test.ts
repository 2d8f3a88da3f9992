import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import { buildProgram } from "./architectures/build-program.ts";
import { parseHuggingFaceConfig } from "./config/huggingface-config.ts";
import { loadModelFiles, localModelAt } from "./model-files.ts";
import { realModelPath, skipWithoutRealModel, tinyArchitectures, tinyFolder } from "./testing/fixtures.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";
import { tinyByteLevelGguf } from "./testing/tiny-gguf.ts";

function fails(code: string, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test("every tiny checkpoint: config, tensors, tokenizer and ends of text", () => {
  for (const architecture of tinyArchitectures) {
    const files = loadModelFiles(localModelAt(tinyFolder(architecture)));
    assert.equal(files.kind, "hf");
    assert.ok(files.config.kind === "hf" && typeof files.config.json.model_type === "string");
    assert.ok(files.tensors.size > 10);
    assert.deepEqual(files.eosIds, [2]);
    assert.equal(files.chatTemplate, null);
  }
});

test("ends of text come from generation_config.json, config.json and the tokenizer, each once", (t) => {
  const folder = temporaryFolder(t);
  cpSync(tinyFolder("qwen2"), folder, { recursive: true });
  writeFileSync(
    join(folder, "generation_config.json"),
    JSON.stringify({ eos_token_id: [7, 2], temperature: 0.6 }),
  );
  const files = loadModelFiles({ kind: "hf", path: folder });
  assert.deepEqual(files.eosIds, [7, 2]);
  assert.deepEqual(files.generationDefaults.sampling, { temperature: 0.6 });
});

test("an end of text beyond the embedding's rows is left out, and the log says so", (t) => {
  const folder = temporaryFolder(t);
  cpSync(tinyFolder("qwen2"), folder, { recursive: true });
  const numRows = loadModelFiles({ kind: "hf", path: folder }).tensors.get("model.embed_tokens.weight")
    ?.shape[0];
  writeFileSync(
    join(folder, "generation_config.json"),
    JSON.stringify({ eos_token_id: [numRows, 1_000_000] }),
  );
  const files = loadModelFiles({ kind: "hf", path: folder });
  assert.deepEqual(files.eosIds, [2]);
  assert.deepEqual(files.generationDefaults.ignored, [
    `eos_token_id ${numRows} is ignored, the embedding has ${numRows} rows`,
    `eos_token_id 1000000 is ignored, the embedding has ${numRows} rows`,
  ]);
});

test("a GGUF file: metadata without the vocabulary's lists, template and defaults", (t) => {
  const path = join(temporaryFolder(t), "m.gguf");
  writeFileSync(path, tinyByteLevelGguf());
  const files = loadModelFiles(localModelAt(path));
  assert.ok(files.config.kind === "gguf");
  assert.equal(files.config.metadata.get("general.architecture"), "llama");
  assert.ok(!files.config.metadata.has("tokenizer.ggml.merges"));
  assert.deepEqual(files.eosIds, [2, 0]);
  assert.equal(files.generationDefaults.sampling.temperature, 0.5);
  assert.ok(files.chatTemplate !== null);
});

/** A tied checkpoint that holds a head all the same: a copy of its embedding, where `change` leaves it one. */
function folderWithHead(t: { after(action: () => void): void }, change: (head: Buffer) => void): string {
  const folder = temporaryFolder(t);
  cpSync(tinyFolder("llama-tied-odd-heads"), folder, { recursive: true });
  const path = join(folder, "model.safetensors");
  const file = readFileSync(path);
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, dataStart));
  const [start, end] = header["model.embed_tokens.weight"].data_offsets;
  const head = Buffer.from(file.subarray(dataStart + start, dataStart + end));
  change(head);
  const dataBytes = file.length - dataStart;
  header["lm_head.weight"] = {
    ...header["model.embed_tokens.weight"],
    data_offsets: [dataBytes, dataBytes + head.length],
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, file.subarray(dataStart), head]));
  return folder;
}

function headOf(folder: string): { readonly head: string | undefined; readonly notes: readonly string[] } {
  const { config, tensors, notes } = loadModelFiles({ kind: "hf", path: folder });
  assert.ok(config.kind === "hf" && config.json.tie_word_embeddings === true);
  const program = buildProgram(parseHuggingFaceConfig(config.json), tensors, { quantization: null });
  const logits = program.head.findLast((operation) => operation.kind === "linear");
  assert.ok(logits?.kind === "linear");
  return { head: program.weights[logits.parts[0]?.weightId ?? -1]?.name, notes };
}

test("a head beside a tied embedding is used where it is another, and left out where it is a copy", (t) => {
  assert.deepEqual(headOf(folderWithHead(t, () => undefined)), {
    head: "model.embed_tokens.weight",
    notes: [],
  });
  const changed = folderWithHead(t, (head) =>
    head.writeUInt8(head.readUInt8(head.length - 1) ^ 1, head.length - 1),
  );
  const { head, notes } = headOf(changed);
  assert.equal(head, "lm_head.weight");
  assert.match(notes.join(), /lm_head\.weight differs from the embedding/);
});

test("the real model's tensors end where its file ends", { skip: skipWithoutRealModel }, () => {
  const { tensors } = loadModelFiles({ kind: "gguf", path: realModelPath });
  assert.equal(tensors.size, 272);
  const ends = [...tensors.values()].map(({ byteOffset, numBytes }) => byteOffset + numBytes);
  assert.equal(Math.max(...ends), statSync(realModelPath).size);
  assert.equal(tensors.get("token_embd.weight")?.type, "Q8_0");
  assert.equal(tensors.get("blk.0.ffn_down.weight")?.type, "Q4_1");
});

test("what is missing is named", (t) => {
  const folder = temporaryFolder(t);
  const isMissing = (name: string, code: string, pattern: RegExp) => {
    cpSync(tinyFolder("phi3"), folder, { recursive: true });
    rmSync(join(folder, name));
    assert.throws(() => loadModelFiles({ kind: "hf", path: folder }), fails(code, pattern), name);
  };
  isMissing("config.json", "model_invalid", /Cannot read .*config\.json/);
  isMissing("tokenizer.json", "model_unsupported", /has no tokenizer\.json/);
  isMissing("model.safetensors", "model_invalid", /neither model\.safetensors nor/);
  assert.throws(() => localModelAt(join(folder, "nothing")), fails("model_invalid", /does not exist/));
  assert.throws(
    () => localModelAt(join(folder, "config.json")),
    fails("model_invalid", /neither a folder nor a \.gguf/),
  );
  mkdirSync(join(folder, "odd-00001-of-00001.gguf"));
  const odd = join(folder, "odd-00001-of-00001.gguf");
  assert.throws(() => loadModelFiles({ kind: "gguf", path: odd }), fails("model_invalid", /is not a file/));
});
