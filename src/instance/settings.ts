/** @module The options of an instance, resolved: at most one cap, at most one pool size, defaults filled in. */
import type { KernelChoice } from "../backend/create/index.ts";
import type { Cap, PoolRule } from "../core/budget.ts";
import { PagodaError } from "../core/errors.ts";
import type { KvDtype } from "../core/kv-layout.ts";
import type { Resolved } from "../core/resolved.ts";
import type { SamplingChoice } from "../model/generation-defaults/sampling-defaults.ts";
import type { engineOptions } from "./options/engine-options.ts";
import type { Values } from "./options/read-options.ts";

export interface InstanceSettings {
  readonly cap: Resolved<Cap> | null;
  readonly pool: Resolved<PoolRule> | null;
  readonly maxModelLen: Resolved<number | "auto"> | null;
  readonly blockSize: Resolved<number>;
  readonly kvDtype: Resolved<KvDtype>;
  readonly prefixCaching: Resolved<boolean>;
  readonly maxNumSeqs: Resolved<number>;
  readonly maxNumBatchedTokens: Resolved<number>;
  readonly maxStepMs: Resolved<number>;
  readonly maxLogprobs: Resolved<number>;
  readonly numThreads: Resolved<number>;
  readonly quantization: Resolved<"int8" | "int4" | null>;
  readonly backend: Resolved<"cpu" | "reference">;
  readonly kernels: Resolved<"auto" | KernelChoice>;
  readonly seed: Resolved<number> | null;
  readonly servedModelNames: Resolved<readonly [string, ...string[]]> | null;
  readonly anyModelName: Resolved<boolean>;
  readonly sampling: SamplingChoice;
}

type EngineValues = Values<typeof engineOptions>;

/** Throws `invalid_option` where two options exclude each other, naming both. */
export function resolveSettings(values: EngineValues, numProcessors: number): InstanceSettings {
  if (values.chunkedPrefill?.value === false)
    throw new PagodaError("invalid_option", `${values.chunkedPrefill.why}: prefill is always chunked`, {
      hint: "Leave it out.",
    });
  const maxNumSeqs = values.maxNumSeqs ?? byDefault(32);
  return {
    cap: atMostOne("cap", [values.utilization, values.memory]),
    pool: atMostOne("pool size", [values.cacheFraction, values.kvBytes, values.numBlocks, values.kvTokens]),
    maxModelLen: values.maxModelLen,
    blockSize: values.blockSize ?? byDefault(16),
    kvDtype: values.kvDtype ?? byDefault("f16"),
    prefixCaching: values.prefixCaching ?? byDefault(true),
    maxNumSeqs,
    maxNumBatchedTokens: batchedTokens(values, maxNumSeqs.value),
    maxStepMs: values.maxStepMs ?? byDefault(300),
    maxLogprobs: values.maxLogprobs ?? byDefault(20),
    numThreads: threads(values, numProcessors),
    quantization: values.quantization ?? byDefault(null),
    backend: values.backend ?? byDefault("cpu"),
    kernels: values.kernels ?? byDefault("auto"),
    seed: values.seed,
    servedModelNames: values.servedModelNames,
    anyModelName: values.anyModelName ?? byDefault(false),
    sampling: {
      choice: values.generationConfig?.value ?? { kind: "auto" },
      override: values.overrideGenerationConfig?.value ?? null,
    },
  };
}

function byDefault<T>(value: T): Resolved<T> {
  return { value, from: "default" };
}

function atMostOne<T>(what: string, given: readonly (Resolved<T> | null)[]): Resolved<T> | null {
  const [first, second] = given.filter((value) => value !== null);
  if (first === undefined) return null;
  if (second === undefined) return first;
  throw new PagodaError("invalid_option", `${first.why} and ${second.why} each state a ${what}`, {
    hint: "Give one of them.",
  });
}

/** Threads wait for each other at barriers, many times a step: what does not run holds up the rest. */
const mostThreadsPerProcessor = 4;

function threads({ threads: given }: EngineValues, numProcessors: number): Resolved<number> {
  if (given === null) return { value: numProcessors, from: "derived", why: "processors granted" };
  if (given.value <= numProcessors * mostThreadsPerProcessor) return given;
  throw new PagodaError(
    "invalid_option",
    `${given.why} is more than ${mostThreadsPerProcessor} for each of the ${numProcessors} processors granted`,
    { hint: `Use --threads ${numProcessors}.` },
  );
}

/** A step must be able to hold one token of every sequence. */
function batchedTokens(values: EngineValues, maxNumSeqs: number): Resolved<number> {
  const given = values.maxNumBatchedTokens;
  if (given === null)
    return maxNumSeqs <= 512
      ? byDefault(512)
      : { value: maxNumSeqs, from: "derived", why: "one token of every sequence" };
  if (given.value >= maxNumSeqs) return given;
  throw new PagodaError(
    "invalid_option",
    `${given.why} is less than the ${maxNumSeqs} sequences of a step, which need a token each`,
    { hint: `Use --max-num-batched-tokens ${maxNumSeqs}, or --max-num-seqs ${given.value}.` },
  );
}
