import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Operation, Program } from "../../program.ts";
import { type HeadPreparation, headPreparations } from "./fused-head-preparation.ts";

const [headDim, numHeads, numKvHeads] = [8, 6, 2];
const keyOffset = numHeads * headDim;
const program: Program = {
  architecture: "test",
  buffers: [],
  weights: [],
  ropeTables: [],
  kvLayers: [{ group: 0, numKvHeads, headDim }],
  body: [],
  head: [],
  layerStarts: [],
  logits: 0,
  vocabularyWidth: 0,
};
const at = (offset: number) => ({ bufferId: 0, offset });
const headNorm = (offset: number, heads: number, width = headDim): Operation => {
  return { kind: "headNorm", at: at(offset), numHeads: heads, headDim: width, weightId: 0, eps: 1e-5 };
};
const rope: Operation = {
  ...{ kind: "rope", at: at(0), numHeads: numHeads + numKvHeads, headDim },
  ...{ rotaryDim: headDim, ropeId: 0 },
};
const storeKv: Operation = {
  ...{ kind: "storeKv", key: at(keyOffset), value: at(keyOffset + numKvHeads * headDim), kvLayer: 0 },
};
const attention: Operation = {
  ...{ kind: "attention", query: at(0), out: 1, kvLayer: 0, numHeads, scale: 1, softcap: null, window: null },
};

function groupOf(...operations: readonly Operation[]): HeadPreparation | undefined {
  const groups = headPreparations(program, operations);
  for (const operation of operations)
    if (groups.has(operation)) assert.ok(Object.values(groups.get(operation) ?? {}).includes(operation));
  return groups.get(attention);
}

describe("operations that one kernel can do for one KV head at a time", () => {
  it("are rope over query heads and keys, storing, and attention", () => {
    const group = groupOf(rope, storeKv, attention);
    assert.deepEqual(group, { queryNorm: null, keyNorm: null, rope, storeKv, attention });
  });

  it("include norms of single heads", () => {
    const [queryNorm, keyNorm] = [headNorm(0, numHeads), headNorm(keyOffset, numKvHeads)];
    const group = groupOf(queryNorm, keyNorm, rope, storeKv, attention);
    assert.deepEqual(group, { queryNorm, keyNorm, rope, storeKv, attention });
  });

  it("do not include a norm over all heads at once", () => {
    const norms = [headNorm(0, 1, numHeads * headDim), headNorm(keyOffset, 1, numKvHeads * headDim)];
    assert.equal(groupOf(...norms, rope, storeKv, attention)?.queryNorm, null);
  });

  it("do not exist if only the query heads are rotated, or if another operation comes between", () => {
    assert.equal(groupOf({ ...rope, numHeads }, storeKv, attention), undefined);
    assert.equal(groupOf(rope, storeKv, headNorm(0, numHeads), attention), undefined);
    assert.equal(groupOf(rope, { ...storeKv, kvLayer: 1 }, attention), undefined);
  });
});
