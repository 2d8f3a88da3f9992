/** @module The curve of the prefix cache with its knee, and what more memory would save. */
import type { InstanceCurve } from "../../api/admin/observatory/index.ts";
import { formatBytes, mib } from "../../core/byte-size.ts";
import type { BlockCounts } from "../../core/observation/block-counts.ts";
import type { PrefixCacheCurve } from "../../core/observation/prefix-cache-curve.ts";

/** Points of an answer: enough for a drawing. */
const numPointsShown = 64;
const nextBytes = 100 * mib;
/** A curve that rises by less, from the smallest pool to the largest, has no knee. */
const leastRise = 0.02;

export interface CurveFacts {
  readonly curve: PrefixCacheCurve;
  readonly blocks: BlockCounts;
  /** Prompt tokens a second now; null: not known. */
  readonly promptTokensPerSecond: number | null;
  /** Milliseconds that computing one prompt token takes. */
  readonly tokenMs: number;
}

export function instanceCurve({ curve, blocks, promptTokensPerSecond, tokenMs }: CurveFacts): InstanceCurve {
  const { points, numQueryTokens, sampledShare } = curve;
  const { bytesPerBlock } = blocks;
  const sized = ({ numBlocks, hitRate }: { numBlocks: number; hitRate: number }) => ({
    numBlocks,
    bytes: numBlocks * bytesPerBlock,
    hitRate,
  });
  const at = (numBlocks: number): number => hitRateAt(points, numBlocks);
  const numPool = blocks.numTotal - blocks.numWithheld;
  const numNext = bytesPerBlock === 0 ? 0 : Math.floor(nextBytes / bytesPerBlock);
  const gain = at(numPool + numNext) - at(numPool);
  const prefillMs = promptTokensPerSecond === null ? null : gain * promptTokensPerSecond * tokenMs;
  const knee = kneeOf(points);
  const every = Math.max(1, Math.floor(points.length / numPointsShown));
  return {
    points: points.filter((_, i) => (i + 1) % every === 0).map(sized),
    here: sized({ numBlocks: numPool, hitRate: at(numPool) }),
    knee: knee === null ? null : sized(knee),
    numQueryTokens,
    sampledShare,
    next: {
      bytes: nextBytes,
      numBlocks: numNext,
      hitRateGain: gain,
      prefillMsPerSecond: prefillMs,
      sentence: sentenceOf(gain, prefillMs, numQueryTokens),
    },
  };
}

/** Between two points by proportion; beyond the last, the last. */
function hitRateAt(points: PrefixCacheCurve["points"], numBlocks: number): number {
  let before = { numBlocks: 0, hitRate: 0 };
  for (const point of points) {
    if (point.numBlocks >= numBlocks) {
      const share = (numBlocks - before.numBlocks) / Math.max(1, point.numBlocks - before.numBlocks);
      return before.hitRate + share * (point.hitRate - before.hitRate);
    }
    before = point;
  }
  return before.hitRate;
}

/** The point farthest above the line from the first to the last one (Kneedle, Satopaa et al., 2011). */
function kneeOf(points: PrefixCacheCurve["points"]): PrefixCacheCurve["points"][number] | null {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return null;
  const rise = last.hitRate - first.hitRate;
  const run = last.numBlocks - first.numBlocks;
  if (rise < leastRise || run <= 0) return null;
  let knee = null;
  let farthest = 0;
  for (const point of points) {
    const above = (point.hitRate - first.hitRate) / rise - (point.numBlocks - first.numBlocks) / run;
    if (above <= farthest) continue;
    knee = point;
    farthest = above;
  }
  return knee;
}

function sentenceOf(gain: number, prefillMs: number | null, numQueryTokens: number): string {
  const next = formatBytes(nextBytes);
  if (numQueryTokens === 0) return "No prompt has been looked up yet.";
  if (gain < 0.001)
    return `The next ${next} would save nothing: what is asked for again is in the pool already.`;
  const points = (100 * gain).toFixed(1);
  const time = prefillMs === null ? "" : `: ${prefillMs.toFixed(1)} ms of prefill in each second`;
  return `The next ${next} would find ${points} % more of the prompt tokens${time}.`;
}
