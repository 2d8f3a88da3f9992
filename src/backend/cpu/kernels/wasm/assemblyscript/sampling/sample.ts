// Samples a token from logits: src/backend/reference/sampling.ts has the rule, step by step.
//
// Rows are independent. Biases and penalties are written into the logits row and undone afterwards, so the row is unchanged in the
// end. scratch: 2·V words of overwritten logits, then V entries of (z, weight).
import {
  job_end, job_start, sample_biasStarts, sample_biasTokenIds, sample_biasValues, sample_firstOutput,
  sample_frequencyPenalty, sample_logits, sample_maskNumbers, sample_masks, sample_logitsStride, sample_maxLogprobs, sample_minP, sample_numTopLogprobs,
  sample_presencePenalty, sample_repetitionPenalty, sample_resultLogprobs, sample_resultRanks, sample_resultTokenIds,
  sample_resultTopLogprobs, sample_resultTopTokenIds, sample_scratch, sample_seenCounts, sample_seenStarts,
  sample_seenTokenIds, sample_targetTokenIds, sample_temperature, sample_topK, sample_topP, sample_uniform,
  sample_vocabularyWidth, sample_wantsLogprob,
} from "../job-fields";
import { thresholdOf } from "./threshold";
import { chunkNumbers, countAbove, indexOf, keptWeight, largestOf, logSumExp, totalWeight } from "./vocabulary";

/** Entry `index` of the 4-byte array whose offset is the job's field. */
// @ts-ignore: decorator
@inline
function entry<T>(job: usize, field: usize, index: u32): T {
  return load<T>(<usize>load<u32>(job + field) + (index << 2));
}

/**
 * The row's mask, or 0. A row with a mask is copied to `copy` first and restored from there as a whole, so that it does not matter
 * what is kept of biases and penalties.
 */
function applyMask(job: usize, row: usize, width: u32, o: u32, copy: usize): usize {
  const number = entry<u32>(job, sample_maskNumbers, o);
  if (number == 0) return 0;
  const words = (width + 31) >>> 5;
  const mask = <usize>load<u32>(job, sample_masks) + (<usize>(number - 1) * words << 2);
  memory.copy(copy, row, <usize>width << 2);
  const banned = f32x4.splat(-Infinity);
  for (let w: u32 = 0; w < words; w++) {
    const bits = load<u32>(mask + (w << 2));
    if (bits == 0xffffffff) continue;
    const first = w << 5, end = min(width, first + 32);
    if (bits == 0 && first + 32 <= width) {
      for (let i: u32 = 0; i < 32; i += 4) v128.store(row + ((first + i) << 2), banned);
      continue;
    }
    for (let t = first; t < end; t++) if (!(bits & (1 << (t & 31)))) store<f32>(row + (t << 2), -Infinity);
  }
  return mask;
}

/** y = x + bias, saving the old value; returns the next free word of `saved`. */
function applyBias(job: usize, row: usize, o: u32, saved: usize): usize {
  const end = entry<u32>(job, sample_biasStarts, o + 1);
  for (let i = entry<u32>(job, sample_biasStarts, o); i < end; i++) {
    const at = row + (entry<u32>(job, sample_biasTokenIds, i) << 2);
    const x = load<f32>(at);
    store<f32>(saved, x);
    saved += 4;
    store<f32>(at, x + entry<f32>(job, sample_biasValues, i));
  }
  return saved;
}

function applyPenalties(job: usize, row: usize, o: u32, saved: usize): void {
  const repetition = entry<f32>(job, sample_repetitionPenalty, o);
  const frequency = entry<f32>(job, sample_frequencyPenalty, o), presence = entry<f32>(job, sample_presencePenalty, o);
  const end = entry<u32>(job, sample_seenStarts, o + 1);
  for (let i = entry<u32>(job, sample_seenStarts, o); i < end; i++) {
    const at = row + (entry<u32>(job, sample_seenTokenIds, i) << 2);
    const times = <f32>entry<i32>(job, sample_seenCounts, i);
    let y = load<f32>(at);
    store<f32>(saved, y);
    saved += 4;
    y = y > 0 ? y / repetition : y * repetition;
    y -= frequency * times;
    if (times > 0) y -= presence;
    store<f32>(at, y);
  }
}

/** Undoes both, in reverse order. */
function restore(job: usize, row: usize, o: u32, saved: usize): void {
  const firstBias = entry<u32>(job, sample_biasStarts, o), numBiases = entry<u32>(job, sample_biasStarts, o + 1) - firstBias;
  const firstSeen = entry<u32>(job, sample_seenStarts, o), numSeen = entry<u32>(job, sample_seenStarts, o + 1) - firstSeen;
  for (let i = numSeen; i > 0; i--) {
    const at = row + (entry<u32>(job, sample_seenTokenIds, firstSeen + i - 1) << 2);
    store<f32>(at, load<f32>(saved + ((numBiases + i - 1) << 2)));
  }
  for (let i = numBiases; i > 0; i--) {
    const at = row + (entry<u32>(job, sample_biasTokenIds, firstBias + i - 1) << 2);
    store<f32>(at, load<f32>(saved + ((i - 1) << 2)));
  }
}

/** Steps 4 to 9 of the rule. */
function drawToken(job: usize, row: usize, width: u32, o: u32, largest: f32, list: usize): u32 {
  const temperature = entry<f32>(job, sample_temperature, o), top = largest / temperature;
  const minWeight = entry<f32>(job, sample_minP, o), topK = entry<u32>(job, sample_topK, o);
  const topP = entry<f32>(job, sample_topP, o);
  let lowest: f32 = -Infinity;
  if (topK > 0 && topK < width)
    lowest = thresholdOf(row, width, temperature, top, lowest, minWeight, <f64>topK, false, list);
  if (topP < 1) {
    const goal = <f64>topP * totalWeight(row, width, temperature, top, lowest, minWeight, 0);
    lowest = thresholdOf(row, width, temperature, top, lowest, minWeight, goal, true, list);
  }
  const uniform = load<f64>(<usize>load<u32>(job, sample_uniform) + (o << 3));
  return walk(row, width, temperature, top, lowest, minWeight, uniform, list);
}

/**
 * The first token, by ascending id, at which the running sum of kept weights exceeds uniform · their total. Only the
 * chunk in which that happens is searched number by number; `chunks` has room for 8 bytes per chunk.
 */
function walk(
  row: usize, width: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32, uniform: f64, chunks: usize,
): u32 {
  const goal = uniform * totalWeight(row, width, temperature, top, lowest, minWeight, chunks);
  let sum: f64 = 0, lastKept: u32 = 0;
  for (let first: u32 = 0; first < width; first += chunkNumbers) {
    const end = min(width, first + chunkNumbers);
    const chunk = load<f64>(chunks + (first / chunkNumbers) * 8);
    if (chunk == 0) continue;
    const before = sum;
    sum += chunk;
    if (sum <= goal && end < width) continue;
    let running = before;
    for (let t = first; t < end; t++) {
      const w = keptWeight(load<f32>(row + (t << 2)) / temperature, top, lowest, minWeight);
      if (w == 0) continue;
      lastKept = t;
      running += <f64>w;
      if (running > goal) return t;
    }
    // The sum of the chunk's lanes was slightly larger than the sum of its tokens in order: take the last kept token.
    if (sum > goal) return lastKept;
  }
  return lastKept > 0 ? lastKept : lastKeptToken(row, width, temperature, top, lowest, minWeight);
}

function lastKeptToken(row: usize, width: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32): u32 {
  for (let t = width; t > 0; t--)
    if (keptWeight(load<f32>(row + ((t - 1) << 2)) / temperature, top, lowest, minWeight) > 0) return t - 1;
  return 0;
}

/** Writes the `count` largest in descending order, ties by lower id. */
function writeTop(job: usize, row: usize, width: u32, o: u32, count: u32, normaliser: f32): void {
  const base = o * load<u32>(job, sample_maxLogprobs);
  const ids = <usize>load<u32>(job, sample_resultTopTokenIds) + (base << 2);
  const values = <usize>load<u32>(job, sample_resultTopLogprobs) + (base << 2);
  let held: u32 = 0, bound: f32 = -Infinity;
  for (let i: u32 = 0; i < width; ) {
    const at = row + (i << 2);
    const skip = held == count && i + 4 <= width && !v128.any_true(f32x4.gt(v128.load(at), f32x4.splat(bound)));
    if (skip) {
      i += 4;
      continue;
    }
    const x = load<f32>(at);
    if (held < count || x > bound) {
      held = min(count, held + 1);
      insert(ids, values, held, i, x);
      if (held == count) bound = load<f32>(values + ((count - 1) << 2));
    }
    i++;
  }
  for (let k: u32 = 0; k < held; k++) store<f32>(values + (k << 2), load<f32>(values + (k << 2)) - normaliser);
}

/** Inserts (id, x) into a list that then has `held` entries; the last entry may be dropped. */
function insert(ids: usize, values: usize, held: u32, id: u32, x: f32): void {
  let k = held - 1;
  for (; k > 0 && load<f32>(values + ((k - 1) << 2)) < x; k--) {
    store<f32>(values + (k << 2), load<f32>(values + ((k - 1) << 2)));
    store<u32>(ids + (k << 2), load<u32>(ids + ((k - 1) << 2)));
  }
  store<f32>(values + (k << 2), x);
  store<u32>(ids + (k << 2), id);
}

/** −1 where the scores are not finite. */
function chooseToken(job: usize, row: usize, width: u32, o: u32): i32 {
  const scratch = <usize>load<u32>(job, sample_scratch);
  // With a mask, scratch begins with the copy; what biases and penalties keep lies behind it and may be overwritten.
  const mask = applyMask(job, row, width, o, scratch);
  applyPenalties(job, row, o, applyBias(job, row, o, mask ? scratch + (width << 2) : scratch));
  const largest = largestOf(row, width);
  let tokenId: i32;
  if (!(largest < Infinity)) tokenId = -1;
  else if (entry<f32>(job, sample_temperature, o) == 0 || largest == -Infinity) tokenId = indexOf(row, width, largest);
  else tokenId = drawToken(job, row, width, o, largest, scratch + (width << 3));
  if (mask) memory.copy(row, scratch, <usize>width << 2);
  else restore(job, row, o, scratch);
  return tokenId;
}

export function sample(job: usize): void {
  const width = load<u32>(job, sample_vocabularyWidth), firstOutput = load<u32>(job, sample_firstOutput);
  for (let r = load<u32>(job, job_start), end = load<u32>(job, job_end); r < end; r++) {
    const row = <usize>load<u32>(job, sample_logits) + r * <usize>load<u32>(job, sample_logitsStride);
    const o = firstOutput + r, target = entry<i32>(job, sample_targetTokenIds, o);
    const numTop = entry<u32>(job, sample_numTopLogprobs, o);
    const tokenId = target >= 0 ? target : chooseToken(job, row, width, o);
    const resultTokenId = <usize>load<u32>(job, sample_resultTokenIds) + (o << 2);
    store<i32>(resultTokenId, tokenId);
    const wantsLogprob = load<u8>(<usize>load<u32>(job, sample_wantsLogprob) + o) == 1;
    if (target < 0 && numTop == 0 && !wantsLogprob) continue;
    const largest = largestOf(row, width);
    if (tokenId < 0 || !(largest > -Infinity && largest < Infinity)) {
      store<i32>(resultTokenId, -1);
      continue;
    }
    const normaliser = logSumExp(row, width, largest), own = load<f32>(row + (tokenId << 2));
    store<f32>(<usize>load<u32>(job, sample_resultLogprobs) + (o << 2), own - normaliser);
    store<u32>(<usize>load<u32>(job, sample_resultRanks) + (o << 2), 1 + countAbove(row, width, own));
    if (numTop > 0) writeTop(job, row, width, o, numTop, normaliser);
  }
}
