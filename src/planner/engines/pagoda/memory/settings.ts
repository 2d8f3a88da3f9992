/** @module The options that decide an instance's memory, resolved: at most one cap and one pool size, defaults filled in. */
import { PagodaError } from "../../../../core/errors.ts";
import type { KvDtype } from "../../../../core/kv-layout.ts";
import type { Values } from "../../../../core/options/read-options.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import type { Cap, PoolRule } from "./budget-inputs.ts";
import type { memoryOptions } from "./options.ts";

export interface MemorySettings {
  readonly cap: Resolved<Cap> | null;
  readonly pool: Resolved<PoolRule> | null;
  readonly maxModelLen: Resolved<number | "auto"> | null;
  readonly blockSize: Resolved<number>;
  readonly kvDtype: Resolved<KvDtype>;
  readonly maxNumSeqs: Resolved<number>;
  readonly maxNumBatchedTokens: Resolved<number>;
  readonly maxLogprobs: Resolved<number>;
  /** Of all ranks together, equally many of each. */
  readonly numThreads: Resolved<number>;
  readonly numRanks: Resolved<number>;
  readonly quantization: Resolved<"int8" | "int4" | null>;
}

type MemoryValues = Values<typeof memoryOptions>;

/** Throws `invalid_option` where two options exclude each other, naming both. */
export function resolveMemorySettings(values: MemoryValues, numProcessors: number): MemorySettings {
  const maxNumSeqs = values.maxNumSeqs ?? byDefault(32);
  return {
    cap: atMostOne("cap", [values.utilization, values.memory]),
    pool: atMostOne("pool size", [values.cacheFraction, values.kvBytes, values.numBlocks, values.kvTokens]),
    maxModelLen: values.maxModelLen,
    blockSize: values.blockSize ?? byDefault(16),
    kvDtype: values.kvDtype ?? byDefault("f16"),
    maxNumSeqs,
    maxNumBatchedTokens: batchedTokens(values, maxNumSeqs.value),
    maxLogprobs: values.maxLogprobs ?? byDefault(20),
    numThreads: threads(values, numProcessors),
    numRanks: values.tensorParallelSize ?? byDefault(1),
    quantization: values.quantization ?? byDefault(null),
  };
}

/** A value that nobody stated. */
export function byDefault<T>(value: T): Resolved<T> {
  return { value, from: "default" };
}

function atMostOne<T>(what: string, given: readonly (Resolved<T> | null)[]): Resolved<T> | null {
  const [first, second] = given.filter((value) => value !== null);
  if (first === undefined) return null;
  if (second === undefined) return first;
  throw new PagodaError("invalid_option", `${first.why} and ${second.why} each state a ${what}.`, {
    hint: "Give one of them.",
  });
}

/** Threads wait for each other at barriers, many times a step: one that does not run holds up the others. */
const mostThreadsPerProcessor = 4;

function threads(
  { threads: given, tensorParallelSize }: MemoryValues,
  numProcessors: number,
): Resolved<number> {
  const numRanks = tensorParallelSize?.value ?? 1;
  if (given === null) return ofProcessors(numProcessors, numRanks);
  if (given.value % numRanks !== 0)
    throw new PagodaError(
      "invalid_option",
      `${given.why} cannot be divided among ${numRanks} ranks, which have equally many threads.`,
      { hint: `Use --threads ${numRanks * Math.ceil(given.value / numRanks)}.` },
    );
  if (given.value <= numProcessors * mostThreadsPerProcessor) return given;
  throw new PagodaError(
    "invalid_option",
    `${given.why} is more than ${mostThreadsPerProcessor} for each of the ${numProcessors} processors granted.`,
    { hint: `Use --threads ${numProcessors}.` },
  );
}

/** Equally many threads a rank, at least one, and otherwise no more than there are processors. */
function ofProcessors(numProcessors: number, numRanks: number): Resolved<number> {
  const ofEachRank = Math.max(1, Math.floor(numProcessors / numRanks));
  const why = numRanks === 1 ? "processors granted" : `${ofEachRank} for each rank`;
  return { value: numRanks * ofEachRank, from: "derived", why };
}

const usualBatchedTokens = 512;

/** A step must be able to hold one token of every sequence. */
function batchedTokens(values: MemoryValues, maxNumSeqs: number): Resolved<number> {
  const given = values.maxNumBatchedTokens;
  if (given === null)
    return maxNumSeqs <= usualBatchedTokens
      ? byDefault(usualBatchedTokens)
      : { value: maxNumSeqs, from: "derived", why: "one token of every sequence" };
  if (given.value >= maxNumSeqs) return given;
  throw new PagodaError(
    "invalid_option",
    `${given.why} is less than the ${maxNumSeqs} sequences of a step, which need a token each.`,
    { hint: `Use --max-num-batched-tokens ${maxNumSeqs}, or --max-num-seqs ${given.value}.` },
  );
}
