/** @module Attention over the paged cache, one query head of one token at a time. */
import type { Operation } from "../program.ts";
import type { KvStore } from "./kv-store.ts";
import { at, columns, matrixOf, row, type Workspace } from "./workspace.ts";

type Attention = Extract<Operation, { kind: "attention" }>;

/** Every token of every slice; see the operation's line in `backend/program.ts`. */
export function attend(space: Workspace, operation: Attention): void {
  const store = space.kvStores[operation.kvLayer];
  if (store === undefined) return;
  for (let slice = 0; slice < space.inputs.numSlices; slice++) {
    const end = at(space.inputs.sliceStarts, slice + 1);
    for (let t = at(space.inputs.sliceStarts, slice); t < end; t++) {
      const slots = visibleSlots(space, slice, at(space.inputs.positions, t), operation.window);
      for (let head = 0; head < operation.numHeads; head++)
        attendHead(space, operation, store, t, head, slots);
    }
  }
}

/** Slots of positions (position − window, position] of the slice's sequence, in order of position. */
function visibleSlots(
  space: Workspace,
  slice: number,
  position: number,
  window: number | null,
): readonly number[] {
  const { blockTables, maxBlocksPerSequence } = space.inputs;
  const first = window === null ? 0 : Math.max(0, position - window + 1);
  return Array.from({ length: position - first + 1 }, (_, i) => {
    const p = first + i;
    const blockId = at(blockTables, slice * maxBlocksPerSequence + Math.floor(p / space.blockSize));
    return blockId * space.blockSize + (p % space.blockSize);
  });
}

function attendHead(
  space: Workspace,
  operation: Attention,
  store: KvStore,
  t: number,
  head: number,
  slots: readonly number[],
): void {
  const { numKvHeads, headDim } = store.shape;
  const kvHead = Math.floor(head / (operation.numHeads / numKvHeads));
  const query = columns(space, operation.query, t, headDim, head * headDim);
  const inSlot = (slot: number): number => (slot * numKvHeads + kvHead) * headDim;

  const weights = softmax(
    slots.map((slot) => {
      const score = operation.scale * dotAt(query, store.keys, inSlot(slot));
      return operation.softcap === null ? score : operation.softcap * Math.tanh(score / operation.softcap);
    }),
  );
  const out = row(matrixOf(space.buffers, operation.out), t).subarray(head * headDim, (head + 1) * headDim);
  for (let d = 0; d < headDim; d++) {
    let sum = 0;
    for (let i = 0; i < slots.length; i++)
      sum += (weights[i] as number) * at(store.values, inSlot(slots[i] as number) + d);
    out[d] = sum;
  }
}

function dotAt(query: Float32Array, keys: Float32Array, start: number): number {
  let sum = 0;
  for (let d = 0; d < query.length; d++) sum += at(query, d) * at(keys, start + d);
  return sum;
}

function softmax(scores: readonly number[]): readonly number[] {
  const max = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = scores.map((score) => Math.exp(score - max));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}
