/** The arithmetic cases of vLLM's test_kv_cache_utils (vllm-memory.md §8.2), with numbers written out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gib } from "../quantity/bytes.ts";
import { groupLayers, type NamedLayer, poolBlockBytes } from "./layer-groups.ts";
import type { AttentionSpec, LayerSpec, RequestLimits, StateSpec } from "./layer-spec.ts";
import { type PoolRules, poolOutcome } from "./pool-capacity.ts";

const full: AttentionSpec = {
  kind: "full",
  blockSize: 16,
  numKvHeads: 2,
  headDim: 64,
  valueHeadDim: 64,
  dtypeBytes: 4,
  contentBytes: null,
  numHeadSlots: null,
  paddedPageBytes: null,
  span: null,
  spanKind: "window",
  extraTokens: 0,
  label: "f32",
};
const sliding: AttentionSpec = { ...full, kind: "sliding", span: 1 };
const page = 16_384;
const limits: RequestLimits = {
  maxModelLen: 16,
  maxInFlightTokens: 2048,
  decodeContextParallel: 1,
  mambaCacheMode: "none",
  maxEncoderTokens: 0,
};
const rules: PoolRules = { reservesNullBlock: true, numBlocksOverride: null, fitsLength: false };
const grouping = { disableHybrid: false, mayPadPages: true };

function named(...specs: LayerSpec[]): NamedLayer[] {
  return specs.map((spec, index) => ({ name: `layer.${index}`, spec }));
}
const times = (number: number, spec: LayerSpec): LayerSpec[] => Array<LayerSpec>(number).fill(spec);

function outcome(
  layers: readonly NamedLayer[],
  availableBytes: number,
  changed: Partial<RequestLimits> = {},
  rule: Partial<PoolRules> = {},
) {
  const groups = groupLayers(layers, grouping);
  return poolOutcome([{ groups, availableBytes }], groups, { ...limits, ...changed }, { ...rules, ...rule });
}

function pool(
  layers: readonly NamedLayer[],
  availableBytes: number,
  changed: Partial<RequestLimits> = {},
  rule: Partial<PoolRules> = {},
) {
  const found = outcome(layers, availableBytes, changed, rule);
  assert.equal(found.kind, "fits");
  return found.kind === "fits" ? found : assert.fail();
}

test("one worker: two full layers, full beside sliding, and the hybrid manager off", () => {
  assert.equal(pool(named(full, full), page * 2 * 32).pool.numBlocks, 32);
  assert.equal(pool(named(full, sliding), page * 2 * 32).pool.numBlocks, 64, "one tensor for both layers");
  const off = groupLayers(named(full, sliding), { ...grouping, disableHybrid: true });
  assert.equal(off.length, 1);
  assert.equal(off[0]?.layers[1]?.spec.kind, "full", "the window is promoted");
});

test("groups: 2 + 4 layers are three of 2; 3 + 7 are 3, 3, 2, 2; 6 + 5 stay 6 + 5", () => {
  const widths = (numFull: number, numSliding: number): number[] =>
    groupLayers(named(...times(numFull, full), ...times(numSliding, sliding)), grouping).map(
      ({ layers }) => layers.length,
    );
  assert.deepEqual(widths(2, 4), [2, 2, 2]);
  assert.deepEqual(widths(3, 7), [3, 3, 2, 2]);
  assert.deepEqual(widths(6, 5), [6, 5]);
  assert.deepEqual(widths(13, 12), [13, 12], "gpt-oss with a draft layer");
});

test("heads of 128 beside 64 are one uniform group; a sliding layer of half the page gets a block of 32", () => {
  const mixed = groupLayers(named({ ...full, headDim: 128, valueHeadDim: 128 }, full), grouping);
  assert.equal(mixed.length, 1);
  assert.equal(mixed[0]?.isMixed, true);
  assert.equal(poolBlockBytes(mixed), page * 3);
  const grown = groupLayers(named(full, { ...sliding, headDim: 32, valueHeadDim: 32 }), grouping);
  assert.equal(grown.find(({ layers }) => layers[0]?.spec.kind === "sliding")?.layers[0]?.spec.blockSize, 32);
});

test("a page that divides no larger one is padded: 64 beside 96 give 42 blocks where 64 alone give 64", () => {
  const wide: AttentionSpec = { ...sliding, headDim: 96, valueHeadDim: 96 };
  assert.equal(pool(named(full, wide), page * 64).pool.numBlocks, 42);
  assert.throws(
    () => groupLayers(named(full, wide), { ...grouping, mayPadPages: false }),
    /cannot be padded/,
  );
});

test("an override replaces the count", () => {
  assert.equal(pool(named(full, full), page * 2 * 32, {}, { numBlocksOverride: 16 }).pool.numBlocks, 16);
});

test("two workers: the smaller decides", () => {
  const groups = groupLayers(named(full, full), grouping);
  const workers = [10, 20].map((numBlocks) => ({ groups, availableBytes: page * 2 * numBlocks }));
  const found = poolOutcome(workers, groups, limits, rules);
  assert.equal(found.kind === "fits" ? found.pool.numBlocks : -1, 10);
});

test("32 layers of 32 heads of 128 in f16 on 8 GiB hold 16,384 tokens, not 16,385", () => {
  const big: AttentionSpec = { ...full, numKvHeads: 32, headDim: 128, valueHeadDim: 128, dtypeBytes: 2 };
  const found = outcome(
    named(...times(32, big)),
    8 * gib,
    { maxModelLen: 16_385 },
    { reservesNullBlock: false },
  );
  assert.equal(found.kind === "tooLong" ? found.suggestedLength : -1, 16_384);
});

test("concurrency: 1536 blocks at 16,384 tokens are 1.5; a window of 1024 with 1024 in flight takes 129 blocks", () => {
  assert.equal(
    pool(named(...times(32, full)), page * 32 * 1536, { maxModelLen: 16_384 }).pool.concurrency,
    1.5,
  );
  const window: AttentionSpec = { ...sliding, span: 1024 };
  const narrow = pool(named(...times(32, window)), page * 32 * 129 * 3, {
    maxModelLen: 16_384,
    maxInFlightTokens: 1024,
  });
  assert.equal(narrow.pool.blocksPerRequest, 129);
  assert.equal(narrow.pool.concurrency, 3);
  const both = pool(named(...times(16, full), ...times(16, window)), page * 16 * 1153 * 3, {
    maxModelLen: 16_384,
    maxInFlightTokens: 1024,
  });
  assert.equal(both.pool.blocksPerRequest, 1153);
  assert.equal(both.pool.concurrency, 3);
});

test("the null block: 32 blocks are refused for 512 tokens, 33 serve them, and 64 fit 63 × 16", () => {
  const layers = named(full);
  assert.equal(outcome(layers, page * 32, { maxModelLen: 512 }).kind, "tooLong");
  assert.equal(outcome(layers, page * 33, { maxModelLen: 512 }).kind, "fits");
  assert.equal(pool(layers, page * 64, { maxModelLen: 4096 }, { fitsLength: true }).maxModelLen, 1008);
});

test("fitting the length: hybrid with states, γ = 2, needs 1024/16 + 1 + 2 + 1 blocks for 1024 tokens", () => {
  const state: StateSpec = {
    kind: "mamba",
    blockSize: 16,
    stateBytes: page,
    paddedPageBytes: null,
    numSpeculativeBlocks: 2,
    numCheckpointBlocks: 0,
    label: "s",
  };
  const layers = named(full, state);
  const needed = 1024 / 16 + 1 + 2 + 1;
  assert.equal(pool(layers, page * needed, { maxModelLen: 1024 }, { fitsLength: true }).maxModelLen, 1024);
  assert.ok(
    pool(layers, page * (needed - 1), { maxModelLen: 1024 }, { fitsLength: true }).maxModelLen < 1024,
  );
});

test("nothing available is refused, and so is a length of which not one token fits", () => {
  assert.equal(outcome(named(full), 0).kind, "noMemory");
  assert.equal(outcome(named(full), page, {}, { fitsLength: true }).kind, "noLength");
});
