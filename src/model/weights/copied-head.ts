/**
 * @module A head of its own in a checkpoint whose configuration says that the head is the embedding.
 *
 * transformers 5 compares the two and ties them only where they are equal; old tools wrote a copy beside the embedding,
 * newer fine-tunings write a head that has been trained apart.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { isJsonObject, type JsonObject } from "../files/json-file.ts";
import type { StoredTensor, TensorDirectory } from "./tensor-directory.ts";

const headPattern = /(^|\.)lm_head\.weight$/;
const embeddingPattern = /(^|\.)embed_tokens\.weight$/;
const comparedBytes = 1 << 20;

/** The directory without a head that is a copy of the embedding, and a note where it is another and is kept. */
export function withoutCopiedHead(
  tensors: TensorDirectory,
  config: JsonObject,
): { readonly tensors: TensorDirectory; readonly notes: readonly string[] } {
  const named = (pattern: RegExp) => [...tensors.values()].find(({ name }) => pattern.test(name));
  const [head, embedding] = [named(headPattern), named(embeddingPattern)];
  if (head === undefined || embedding === undefined || !isTied(config)) return { tensors, notes: [] };
  if (areEqual(head, embedding))
    return { tensors: new Map([...tensors].filter(([, tensor]) => tensor !== head)), notes: [] };
  const note = `${head.name} differs from the embedding and is kept as the head, although the configuration ties the two`;
  return { tensors, notes: [note] };
}

function isTied(config: JsonObject): boolean {
  const text = isJsonObject(config.text_config) ? config.text_config : config;
  return (text.tie_word_embeddings ?? config.tie_word_embeddings) === true;
}

/** Reads both from their files, up to the first difference. */
function areEqual(a: StoredTensor, b: StoredTensor): boolean {
  if (a.type !== b.type || a.numBytes !== b.numBytes) return false;
  if (a.path === b.path && a.byteOffset === b.byteOffset) return true;
  const files = [openSync(a.path, "r"), openSync(b.path, "r")] as const;
  const [bytesOfA, bytesOfB] = [Buffer.alloc(comparedBytes), Buffer.alloc(comparedBytes)];
  try {
    for (let at = 0; at < a.numBytes; at += comparedBytes) {
      const numBytes = Math.min(comparedBytes, a.numBytes - at);
      const numReadOfA = readSync(files[0], bytesOfA, 0, numBytes, a.byteOffset + at);
      const numReadOfB = readSync(files[1], bytesOfB, 0, numBytes, b.byteOffset + at);
      if (numReadOfA !== numReadOfB) return false;
      if (!bytesOfA.subarray(0, numReadOfA).equals(bytesOfB.subarray(0, numReadOfB))) return false;
    }
    return true;
  } finally {
    for (const file of files) closeSync(file);
  }
}
