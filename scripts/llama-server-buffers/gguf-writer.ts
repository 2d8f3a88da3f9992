/** @module Writes a GGUF file whose numbers are all zero: header and directory, then a hole. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { tensorTypeFacts } from "../../src/core/tensor-type.ts";
import { ggmlTypeNumbers } from "../../src/model/weights/ggml-types.ts";
import type { ModelShape, ShapeTensor } from "./shapes.ts";

const alignment = 32;
const kinds = { u32: 4, f32: 6, bool: 7, text: 8, list: 9, i32: 5 } as const;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function entry(key: string, value: string | number | boolean): Buffer {
  if (/sections$/.test(key))
    return listEntry(
      key,
      kinds.i32,
      String(value)
        .split(",")
        .map((part) => u32(Number(part))),
    );
  if (typeof value === "string") return Buffer.concat([text(key), u32(kinds.text), text(value)]);
  if (typeof value === "boolean")
    return Buffer.concat([text(key), u32(kinds.bool), Buffer.from([value ? 1 : 0])]);
  const isFloat = !Number.isInteger(value) || /scale$/.test(key);
  return Buffer.concat([text(key), u32(isFloat ? kinds.f32 : kinds.u32), isFloat ? f32(value) : u32(value)]);
}

function listEntry(key: string, kind: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([text(key), u32(kinds.list), u32(kind), u64(items.length), ...items]);
}

/** A SentencePiece vocabulary: unknown, start and end, a token for each byte, then words that no text has. */
function vocabulary(size: number): Buffer[] {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const words = ["<unk>", "<s>", "</s>", ...bytes];
  for (let index = words.length; index < size; index++) words.push(`word${index}`);
  const typeOf = (index: number): number => (index === 0 ? 2 : index < 3 ? 3 : index < 259 ? 6 : 1);
  return [
    entry("tokenizer.ggml.model", "llama"),
    listEntry("tokenizer.ggml.tokens", kinds.text, words.map(text)),
    listEntry(
      "tokenizer.ggml.scores",
      kinds.f32,
      words.map((_, index) => f32(-index)),
    ),
    listEntry(
      "tokenizer.ggml.token_type",
      kinds.i32,
      words.map((_, index) => u32(typeOf(index))),
    ),
    entry("tokenizer.ggml.bos_token_id", 1),
    entry("tokenizer.ggml.eos_token_id", 2),
  ];
}

/** Bytes of a tensor. */
function tensorBytes([, widths, type]: ShapeTensor): number {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  return (widths.reduce((product, width) => product * width, 1) / weightsPerBlock) * bytesPerBlock;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

export function writeZeros(path: string, shape: ModelShape): void {
  const architecture = String(shape.metadata["general.architecture"]);
  const vocabSize = Number(shape.metadata[`${architecture}.vocab_size`]);
  const entries = [
    ...Object.entries(shape.metadata).map(([key, value]) => entry(key, value)),
    ...vocabulary(vocabSize),
  ];
  let offset = 0;
  const directory = shape.tensors.map((tensor) => {
    const [name, widths, type] = tensor;
    const own = Buffer.concat([
      text(name),
      u32(widths.length),
      ...widths.map(u64),
      u32(Number(ggmlTypeNumbers[type])),
      u64(offset),
    ]);
    offset += padded(tensorBytes(tensor));
    return own;
  });
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(shape.tensors.length),
    u64(entries.length),
    ...entries,
    ...directory,
  ]);
  const file = openSync(path, "w");
  writeSync(file, header);
  ftruncateSync(file, padded(header.length) + offset);
  closeSync(file);
}
