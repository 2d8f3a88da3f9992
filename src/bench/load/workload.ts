/**
 * @module The loads that every server gets: seeded token ids, so that each server computes exactly the same prompts.
 *
 * A round has its own seed; the same seed is used for every server of that round. Prompts of one round share no
 * prefix with another round, so no server can answer a round from its prefix cache of earlier ones.
 */
import { seededUniform } from "../../core/seeded-uniform.ts";

export interface Load {
  readonly name: string;
  readonly prompts: readonly (readonly number[])[];
  readonly numOutputTokens: number;
  readonly maxConcurrency: number;
}

export const loadNames = ["single", "prefill", "conc", "prefix"] as const;
export type LoadName = (typeof loadNames)[number];

/** Ordinary tokens of the benchmark vocabulary: [first, last), clear of special tokens at either end. */
export interface TokenRange {
  readonly firstTokenId: number;
  readonly endTokenId: number;
}

/** `numTokens` random ordinary tokens. */
export function randomTokens(uniform: () => number, numTokens: number, range: TokenRange): number[] {
  const width = range.endTokenId - range.firstTokenId;
  return Array.from({ length: numTokens }, () => range.firstTokenId + Math.floor(uniform() * width));
}

/** The four shapes of vLLM's own benchmark client that the peers were measured with. */
export function makeLoad(name: LoadName, seed: number, range: TokenRange): Load {
  const uniform = seededUniform(seed * 7919 + loadNames.indexOf(name));
  const prompts = (numPrompts: number, numTokens: number): number[][] =>
    Array.from({ length: numPrompts }, () => randomTokens(uniform, numTokens, range));
  switch (name) {
    case "single":
      return { name, prompts: prompts(4, 32), numOutputTokens: 128, maxConcurrency: 1 };
    case "prefill":
      return { name, prompts: prompts(6, 512), numOutputTokens: 2, maxConcurrency: 1 };
    case "conc":
      return { name, prompts: prompts(64, 128), numOutputTokens: 64, maxConcurrency: 32 };
    case "prefix": {
      const shared = prompts(2, 512);
      const suffixes = prompts(64, 32);
      return {
        name,
        prompts: suffixes.map((suffix, i) => [...(shared[i % shared.length] ?? []), ...suffix]),
        numOutputTokens: 64,
        maxConcurrency: 32,
      };
    }
  }
}
