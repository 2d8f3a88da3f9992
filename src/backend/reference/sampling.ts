/**
 * @module The sampling rule. Every backend implements this text; this file does so in plain code.
 *
 * For one output row with raw logits x[0 … V):
 *
 *   0. Log-probabilities are those of the raw logits, before any of the steps below:
 *      logprob(t) = x[t] − logZ,  logZ = max x + ln Σ exp(x[t] − max x);  rank(t) = 1 + #{u : x[u] > x[t]}.
 *      The top list is ordered by x descending, ties by lower id.
 *      A target ≥ 0 ends here: tokenIds = target, logprobs and ranks are the target's.
 *   1. mask         y[t] = −Infinity for each token that the row's mask does not allow, if it has a mask
 *   2. bias         y[t] += bias[t]; a ban is a bias of −Infinity. A token listed twice gets both.
 *   3. penalties    for each seen token, in this order (f32):
 *                     y = y > 0 ? y / repetition : y · repetition          (prompt and output)
 *                     y −= frequency · timesInOutput
 *                     y −= presence, where timesInOutput > 0
 *   4. greedy       temperature = 0: the largest y, ties by lower id. Done.
 *   5. temperature  z[t] = y[t] / temperature
 *   6. weight       w[t] = exp(z[t] − max z)                               so the likeliest token weighs 1
 *   7. min_p        keep t where w[t] ≥ minP and w[t] > 0                  (so a banned token is never kept)
 *   8. top_k        keep t where z[t] ≥ the topK-th largest z              (0 or ≥ V: off)
 *   9. top_p        among those kept, W = Σ w; take tokens by z descending until their sum reaches topP · W;
 *                   keep t where z[t] ≥ the z of the last one taken        (≥ 1: off; the likeliest is always kept)
 *  10. draw         target = uniform · Σ w over those kept; go through the kept tokens in ASCENDING TOKEN ID adding w;
 *                   take the first whose running sum exceeds `target`, or, if rounding leaves none, the last kept token.
 *
 * Steps 8 and 9 keep tokens by thresholds, so equal logits are kept or dropped together and no result depends on how a sort breaks
 * ties; step 10 needs no sort either. A vectorised kernel therefore needs only a maximum, two thresholds and a running sum.
 * If every token is banned (max y = −Infinity), the result is token 0.
 *
 * Logits that are not finite give tokenIds = −1: in a sampled row if a y is NaN or the largest one is Infinity; in a row with
 * log-probabilities if an x is NaN or the largest one is not finite. A single −Infinity is a token that is never drawn.
 *
 * Arithmetic: y, z and w are f32. Sums over the vocabulary are f64 in one fixed order (ascending id; a kernel may add
 * fixed chunks of 1,024 ids first and then the chunks), so that a draw depends only on its row. The order of the steps is
 * that of vLLM's V1 sampler.
 */
import { maskWords, type SamplingInputs, type StepResults } from "../backend.ts";
import { at } from "./workspace.ts";

/** Samples or scores output row `outputRow` with raw `logits` [vocabulary], writing its entry of `results`. */
export function sampleRow(
  logits: Float32Array,
  outputRow: number,
  sampling: SamplingInputs,
  results: StepResults,
): void {
  const numTop = sampling.numTopLogprobs[outputRow] ?? 0;
  const target = sampling.targetTokenIds[outputRow] ?? -1;
  const tokenId = target >= 0 ? target : chooseToken(logits, outputRow, sampling);
  results.tokenIds[outputRow] = tokenId;
  if (target < 0 && numTop === 0 && sampling.wantsLogprob[outputRow] !== 1) return;

  if (tokenId === -1 || !Number.isFinite(largestOf(logits))) {
    results.tokenIds[outputRow] = -1;
    return;
  }
  const logNormaliser = logSumExp(logits);
  results.logprobs[outputRow] = at(logits, tokenId) - logNormaliser;
  results.ranks[outputRow] = rankOf(logits, tokenId);
  const maxLogprobs = results.topTokenIds.length / results.tokenIds.length;
  likeliestTokens(logits, numTop).forEach((topTokenId, i) => {
    results.topTokenIds[outputRow * maxLogprobs + i] = topTokenId;
    results.topLogprobs[outputRow * maxLogprobs + i] = at(logits, topTokenId) - logNormaliser;
  });
}

/** Steps 1 to 10; −1 where the scores are not finite. */
function chooseToken(logits: Float32Array, outputRow: number, sampling: SamplingInputs): number {
  const scores = Float32Array.from(logits);
  applyMask(scores, outputRow, sampling);
  applyBias(scores, outputRow, sampling);
  applyPenalties(scores, outputRow, sampling);
  const largest = largestOf(scores);
  if (Number.isNaN(largest) || largest === Number.POSITIVE_INFINITY) return -1;
  const best = argmax(scores);
  const temperature = sampling.temperature[outputRow] ?? 0;
  if (temperature === 0 || at(scores, best) === Number.NEGATIVE_INFINITY) return best;

  for (let t = 0; t < scores.length; t++) scores[t] = at(scores, t) / temperature;
  const weights = weightsOf(scores, at(scores, best));
  const kept = keptTokens(scores, weights, outputRow, sampling);
  return draw(weights, kept, sampling.uniform[outputRow] ?? 0);
}

function applyMask(scores: Float32Array, outputRow: number, sampling: SamplingInputs): void {
  const mask = (sampling.maskNumbers[outputRow] ?? 0) - 1;
  if (mask < 0) return;
  const firstWord = mask * maskWords(scores.length);
  for (let t = 0; t < scores.length; t++)
    if ((at(sampling.masks, firstWord + (t >> 5)) & (1 << (t & 31))) === 0)
      scores[t] = Number.NEGATIVE_INFINITY;
}

function applyBias(scores: Float32Array, outputRow: number, sampling: SamplingInputs): void {
  const end = at(sampling.biasStarts, outputRow + 1);
  for (let entry = at(sampling.biasStarts, outputRow); entry < end; entry++) {
    const tokenId = at(sampling.biasTokenIds, entry);
    scores[tokenId] = at(scores, tokenId) + at(sampling.biasValues, entry);
  }
}

function applyPenalties(scores: Float32Array, outputRow: number, sampling: SamplingInputs): void {
  const repetition = at(sampling.repetitionPenalty, outputRow);
  const frequency = at(sampling.frequencyPenalty, outputRow);
  const presence = at(sampling.presencePenalty, outputRow);
  const end = at(sampling.seenStarts, outputRow + 1);
  for (let entry = at(sampling.seenStarts, outputRow); entry < end; entry++) {
    const tokenId = at(sampling.seenTokenIds, entry);
    const timesInOutput = at(sampling.seenCounts, entry);
    let score = at(scores, tokenId);
    score = Math.fround(score > 0 ? score / repetition : score * repetition);
    score = Math.fround(score - Math.fround(frequency * timesInOutput));
    scores[tokenId] = timesInOutput > 0 ? score - presence : score;
  }
}

/** Step 6; `weightsOf(z)[t]` is 1 for the likeliest. */
function weightsOf(scores: Float32Array, maxScore: number): Float32Array {
  return scores.map((score) => Math.exp(Math.fround(score - maxScore)));
}

/** Steps 7 to 9: ids of the tokens that may be drawn, ascending. */
function keptTokens(
  scores: Float32Array,
  weights: Float32Array,
  outputRow: number,
  sampling: SamplingInputs,
): Int32Array {
  const minP = sampling.minP[outputRow] ?? 0;
  const topK = sampling.topK[outputRow] ?? 0;
  const topP = sampling.topP[outputRow] ?? 1;
  let kept = Int32Array.from(scores.keys()).filter((t) => at(weights, t) >= minP && at(weights, t) > 0);
  const byScore = (): Int32Array => kept.toSorted((a, b) => at(scores, b) - at(scores, a) || a - b);
  if (topK > 0 && topK < scores.length && topK < kept.length) {
    const threshold = at(scores, at(byScore(), topK - 1));
    kept = kept.filter((t) => at(scores, t) >= threshold);
  }
  if (topP < 1) {
    const threshold = at(scores, lastWithinMass(byScore(), weights, topP));
    kept = kept.filter((t) => at(scores, t) >= threshold);
  }
  return kept;
}

/** The token at which the sum of weights, likeliest first, reaches `share` of the whole. */
function lastWithinMass(descending: Int32Array, weights: Float32Array, share: number): number {
  const goal = share * sumOf(weights, descending);
  let sum = 0;
  for (const tokenId of descending) {
    sum += at(weights, tokenId);
    if (sum >= goal) return tokenId;
  }
  return at(descending, descending.length - 1);
}

/** Step 10. */
function draw(weights: Float32Array, kept: Int32Array, uniform: number): number {
  const goal = uniform * sumOf(weights, kept);
  let sum = 0;
  for (const tokenId of kept) {
    sum += at(weights, tokenId);
    if (sum > goal) return tokenId;
  }
  return at(kept, kept.length - 1);
}

function sumOf(weights: Float32Array, tokenIds: Int32Array): number {
  let sum = 0;
  for (const tokenId of tokenIds) sum += at(weights, tokenId);
  return sum;
}

/** NaN if any number is NaN. */
function largestOf(scores: Float32Array): number {
  return scores.reduce((largest, score) => Math.max(largest, score), Number.NEGATIVE_INFINITY);
}

function argmax(scores: Float32Array): number {
  let best = 0;
  for (let t = 1; t < scores.length; t++) if (at(scores, t) > at(scores, best)) best = t;
  return best;
}

function logSumExp(logits: Float32Array): number {
  const max = at(logits, argmax(logits));
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return max + Math.log(sum);
}

function rankOf(logits: Float32Array, tokenId: number): number {
  const own = at(logits, tokenId);
  let rank = 1;
  for (const logit of logits) if (logit > own) rank++;
  return rank;
}

function likeliestTokens(logits: Float32Array, numTop: number): readonly number[] {
  if (numTop === 0) return [];
  const ids = Array.from(logits.keys());
  return ids.sort((a, b) => at(logits, b) - at(logits, a) || a - b).slice(0, numTop);
}
