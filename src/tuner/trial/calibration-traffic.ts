/** @module Traffic whose steps show how long steps of every kind take on this machine. */
import { fillTokens, type TokenRange } from "../traffic/token-source.ts";
import type { Traffic, TrafficRequest } from "../traffic/traffic.ts";

export interface CalibrationLimits {
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  /** Tokens that the pool holds. */
  readonly numKvTokens: number;
}

const numDecodeSteps = 24;
const numWarmUpSteps = 60;
const numSingleUserRequests = 3;
const shortPrompt = 8;
/** Decodes after contexts this long show what attention costs. */
const contexts = [shortPrompt, 512, 1024] as const;
const promptLengths = [16, 32, 64, 128, 256, 512, 1024] as const;
const promptsOfEach = 2;
/** A beginning that all requests of a load share. */
const sharedTokens = 1024;
const sharedSeed = 6_000_011;

/** V8 compiles the engine's code meanwhile, and all pages are touched. */
export function warmUpTraffic(range: TokenRange): Traffic {
  const promptTokenIds = new Int32Array(shortPrompt);
  fillTokens(promptTokenIds, 0, shortPrompt, sharedSeed - 1, range);
  return {
    requests: [{ promptTokenIds, numOutputTokens: numWarmUpSteps, arrivesMs: 0 }],
    numUsers: 1,
    isTimed: false,
    description: "warm-up",
  };
}

/** One load after another: decodes of 1, 2, 4, … sequences after short and long contexts, and single prompts of all sizes. */
export function calibrationTraffic(limits: CalibrationLimits, range: TokenRange): Traffic[] {
  const loads: Traffic[] = [];
  let seed = 7_000_003;
  const load = (
    numRequests: number,
    numPrompt: number,
    numOutputTokens: number,
    numUsers: number,
    numShared = 0,
  ): void => {
    const longest = numPrompt + numOutputTokens;
    if (longest > limits.maxModelLen || numUsers * (longest + 16) > limits.numKvTokens) return;
    const requests: TrafficRequest[] = Array.from({ length: numRequests }, () => {
      const promptTokenIds = new Int32Array(numPrompt);
      fillTokens(promptTokenIds, 0, numShared, sharedSeed, range);
      fillTokens(promptTokenIds, numShared, numPrompt - numShared, seed++, range);
      return { promptTokenIds, numOutputTokens, arrivesMs: 0 };
    });
    loads.push({
      requests,
      numUsers,
      isTimed: false,
      description: `${numUsers} × ${numPrompt} + ${numOutputTokens}`,
    });
  };
  load(numSingleUserRequests, shortPrompt, numDecodeSteps, 1);
  for (const numPrompt of promptLengths)
    if (numPrompt <= limits.maxNumBatchedTokens) load(promptsOfEach, numPrompt, 1, 1);
  for (const context of contexts)
    for (let numSeqs = 1; numSeqs <= limits.maxNumSeqs; numSeqs *= 2)
      if (context === shortPrompt || numSeqs <= mostWithLongContext)
        load(numSeqs, context, numDecodeSteps, numSeqs);
  for (const numSeqs of [8, 32])
    if (numSeqs <= limits.maxNumSeqs)
      load(numSeqs, sharedTokens + shortPrompt, numDecodeSteps, numSeqs, sharedTokens);
  for (const numUsers of [4, 16])
    if (numUsers <= limits.maxNumSeqs) load(2 * numUsers, mixedPrompt, numDecodeSteps, numUsers);
  return loads;
}

/** Chunks of prompts and decodes in one step: the users' second requests come while others decode. */
const mixedPrompt = 100;
/** Filling long contexts takes time, and attention is linear in them. */
const mostWithLongContext = 4;
