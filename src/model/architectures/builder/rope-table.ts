/** @module Rotary embedding configs → one inverse frequency per pair of columns, and a factor on cos and sin. */
import type { RopeTable } from "../../../backend/backend.ts";
import type { RopeConfig } from "../../config/rope-config.ts";

/**
 * The table of one rope.
 *
 * Pair i of rotaryDim/2 turns by p · θ^(−2i/rotaryDim) at position p, where scaling does not change it.
 * `maxModelLen` is the longest sequence of the instance: LongRoPE has two sets of divisors, and one instance uses one set
 * for all sequences, or logits would depend on how long a sequence is going to be.
 */
export function ropeTable(rope: RopeConfig, rotaryDim: number, maxModelLen: number): RopeTable {
  const plain = Array.from({ length: rotaryDim / 2 }, (_, i) => rope.theta ** (-(2 * i) / rotaryDim));
  switch (rope.kind) {
    case "default":
      return { inverseFrequencies: plain, attentionFactor: 1 };
    case "linear": {
      const divided = divide(plain, rope.divisors ?? []);
      return { inverseFrequencies: divided.map((frequency) => frequency / rope.factor), attentionFactor: 1 };
    }
    case "llama3":
      return { inverseFrequencies: plain.map((f) => llama3Frequency(f, rope)), attentionFactor: 1 };
    case "yarn":
      return {
        inverseFrequencies: yarnFrequencies(divide(plain, rope.divisors ?? []), rotaryDim, rope),
        attentionFactor: rope.attentionFactor,
      };
    case "longrope": {
      const factors = maxModelLen > rope.originalMaxPositions ? rope.longFactors : rope.shortFactors;
      return { inverseFrequencies: divide(plain, factors), attentionFactor: rope.attentionFactor };
    }
    case "factors":
      return { inverseFrequencies: divide(plain, rope.factors), attentionFactor: 1 };
  }
}

function divide(frequencies: readonly number[], factors: readonly number[]): readonly number[] {
  return frequencies.map((frequency, i) => frequency / (factors[i] ?? 1));
}

/** Long wavelengths are stretched by `factor`, short ones kept, and those between blended (Llama 3.1's rule). */
function llama3Frequency(frequency: number, rope: Extract<RopeConfig, { kind: "llama3" }>): number {
  const turns = (rope.originalMaxPositions * frequency) / (2 * Math.PI);
  if (turns < rope.lowFrequencyFactor) return frequency / rope.factor;
  if (turns > rope.highFrequencyFactor) return frequency;
  const kept = (turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return (1 - kept) * (frequency / rope.factor) + kept * frequency;
}

/** NTK-by-parts: a linear ramp over the pairs between `betaFast` and `betaSlow` turns (arXiv 2309.00071, §3.2). */
function yarnFrequencies(
  plain: readonly number[],
  rotaryDim: number,
  rope: Extract<RopeConfig, { kind: "yarn" }>,
): readonly number[] {
  const pairWithTurns = (turns: number): number =>
    (rotaryDim * Math.log(rope.originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [fast, slow] = [pairWithTurns(rope.betaFast), pairWithTurns(rope.betaSlow)];
  const low = Math.max(rope.truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(rope.truncate ? Math.ceil(slow) : slow, rotaryDim - 1);
  const width = high === low ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const stretched = Math.min(Math.max((i - low) / width, 0), 1);
    return stretched * (frequency / rope.factor) + (1 - stretched) * frequency;
  });
}
