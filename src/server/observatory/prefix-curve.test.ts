import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixCurveSchema } from "../../api/admin/observatory/index.ts";
import { mib } from "../../core/byte-size.ts";
import { testApp } from "../testing/test-app.ts";
import { instanceCurve } from "./prefix-curve.ts";

const blocks = {
  blockSize: 16,
  bytesPerBlock: mib,
  numFree: 0,
  numCached: 0,
  numReferenced: 0,
  numWithheld: 0,
};
/** Rises to 80 % at 100 blocks and is flat from there. */
const points = Array.from({ length: 256 }, (_, i) => ({
  numBlocks: 2 * (i + 1),
  hitRate: Math.min(0.8, (0.8 * 2 * (i + 1)) / 100),
}));
const curve = { points, numQueryTokens: 1000, sampledShare: 1 };

test("the knee is where the curve bends, and memory beyond it is worth nothing", () => {
  const facts = { curve, promptTokensPerSecond: 50, tokenMs: 2 };
  const small = instanceCurve({ ...facts, blocks: { ...blocks, numTotal: 50 } });
  assert.deepEqual(small.knee, { numBlocks: 100, bytes: 100 * mib, hitRate: 0.8 });
  assert.deepEqual([small.here.numBlocks, small.here.hitRate], [50, 0.4]);
  assert.ok(Math.abs(small.next.hitRateGain - 0.4) < 1e-9);
  assert.ok(Math.abs((small.next.prefillMsPerSecond ?? 0) - 40) < 1e-9);
  assert.match(small.next.sentence, /100(?:\.0)? MiB would find 40\.0 % more of the prompt tokens: 40\.0 ms/);
  const large = instanceCurve({ ...facts, blocks: { ...blocks, numTotal: 128 } });
  assert.equal(large.next.hitRateGain, 0);
  assert.match(large.next.sentence, /would save nothing/);
});

test("a curve that does not rise has no knee, and one of nothing says so", () => {
  const flat = points.map(({ numBlocks }) => ({ numBlocks, hitRate: 0 }));
  const facts = { promptTokensPerSecond: null, tokenMs: 0, blocks: { ...blocks, numTotal: 10 } };
  const answer = instanceCurve({ ...facts, curve: { points: flat, numQueryTokens: 0, sampledShare: 1 } });
  assert.deepEqual([answer.knee, answer.next.sentence], [null, "No prompt has been looked up yet."]);
});

test("GET /admin/prefix-cache/curve has every instance", async () => {
  const { app } = testApp({ text: "" });
  const answer = prefixCurveSchema.parse((await app.inject("/admin/prefix-cache/curve")).json());
  assert.deepEqual(Object.keys(answer.instances), ["scripted-0"]);
  assert.equal(answer.instances["scripted-0"]?.points.length, 32);
});
