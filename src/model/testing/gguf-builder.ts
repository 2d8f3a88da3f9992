/** @module Writes small GGUF files for tests. */
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { ggmlTypeNumbers } from "../weights/ggml-types.ts";

export type BuilderValue =
  | { readonly kind: "u32" | "f32" | "u64"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "flag"; readonly value: boolean }
  | { readonly kind: "texts"; readonly value: readonly string[] }
  | { readonly kind: "i32s" | "f32s"; readonly value: readonly number[] };

export interface BuilderTensor {
  readonly name: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly type: TensorType;
}

const alignment = 32;
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

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}

function valueBytes(value: BuilderValue): readonly Buffer[] {
  switch (value.kind) {
    case "u32":
      return [u32(4), u32(value.value)];
    case "f32":
      return [u32(6), f32(value.value)];
    case "flag":
      return [u32(7), Buffer.of(value.value ? 1 : 0)];
    case "text":
      return [u32(8), text(value.value)];
    case "u64":
      return [u32(10), u64(value.value)];
    case "texts":
      return [u32(9), u32(8), u64(value.value.length), ...value.value.map(text)];
    case "i32s":
      return [u32(9), u32(5), u64(value.value.length), ...value.value.map(i32)];
    case "f32s":
      return [u32(9), u32(6), u64(value.value.length), ...value.value.map(f32)];
  }
}

function tensorBytes({ shape, type }: BuilderTensor): number {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  return (shape.reduce((product, width) => product * width, 1) / weightsPerBlock) * bytesPerBlock;
}

const aligned = (offset: number) => Math.ceil(offset / alignment) * alignment;

/** A version 3 file; tensor bytes count up from 0 so that no two places look alike. */
export function buildGguf(
  metadata: ReadonlyMap<string, BuilderValue>,
  tensors: readonly BuilderTensor[],
): Buffer {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) parts.push(text(key), ...valueBytes(value));
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(text(tensor.name), u32(tensor.shape.length));
    parts.push(...tensor.shape.toReversed().map(u64), u32(ggmlTypeNumbers[tensor.type]), u64(offset));
    offset = aligned(offset + tensorBytes(tensor));
  }
  const header = Buffer.concat(parts);
  const data = Buffer.from(Array.from({ length: offset }, (_, index) => index % 251));
  return Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length), data]);
}
