/** @module One instance with a large batch against several with smaller ones on the same card. */
import { plan } from "../engines/engines.ts";
import type { FlagValues, Plan, PlanRequest } from "../plan/plan.ts";
import { planReplicas } from "./replicas.ts";
import { decodeTokensPerSecond } from "./throughput.ts";

export interface Arrangement {
  readonly name: string;
  readonly numInstances: number;
  readonly batch: number;
  readonly starts: boolean;
  readonly kvTokens: number;
  /** Weights that are there more than once. */
  readonly copiedWeightsBytes: number;
  /** Tokens lost to half-full last blocks, half a block a sequence. */
  readonly wastedTokens: number;
  /** Estimated by a roofline of bandwidth and compute. */
  readonly tokensPerSecond: number;
  readonly limit: "memory" | "compute";
  readonly plan: Plan;
}

const batchFlags: Readonly<Record<string, string>> = { vllm: "max-num-seqs", lmdeploy: "max-batch-size" };

function withBatch(request: PlanRequest, batch: number, added: FlagValues): PlanRequest {
  const name = batchFlags[request.engine] ?? "max-num-seqs";
  return { ...request, flags: { ...request.flags, ...added, [name]: String(batch) } };
}

function arrangement(
  request: PlanRequest,
  numInstances: number,
  batch: number,
  contextTokens: number,
): Arrangement {
  const share = {
    "gpu-memory-utilization": (Math.floor((0.92 / numInstances - 0.02) * 100) / 100).toFixed(2),
  };
  const changed = withBatch(request, batch, request.engine === "vllm" && numInstances > 1 ? share : {});
  const replicas = planReplicas(changed, numInstances);
  const first = replicas.instances[0]?.plan ?? plan(changed);
  const weights = first.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
  const load = {
    // Copies on one card share its bandwidth: each step of each copy reads its own weights.
    weightsBytes: weights * numInstances,
    kvBytesPerToken: first.kv?.bytesPerToken ?? 0,
    numSequences: batch * numInstances,
    contextTokens,
    numCards: first.numDevices,
  };
  const { tokensPerSecond, limit } = decodeTokensPerSecond(request.model, request.device, load);
  return {
    name: `${numInstances} × ${batch}`,
    numInstances,
    batch,
    starts: replicas.numStarted === numInstances,
    kvTokens: replicas.numKvTokens,
    copiedWeightsBytes: weights * (numInstances - 1),
    wastedTokens: (batch * numInstances * (first.kv?.blockSize ?? 0)) / 2,
    tokensPerSecond: replicas.numStarted === numInstances ? tokensPerSecond : 0,
    limit,
    plan: first,
  };
}

/** Compares 1 × `batch` with `numInstances` × `batch ÷ numInstances` at `contextTokens` a sequence. */
export function compareReplicas(
  request: PlanRequest,
  numInstances: number,
  batch: number,
  contextTokens: number,
): readonly [Arrangement, Arrangement] {
  const smaller = Math.max(1, Math.floor(batch / numInstances));
  return [
    arrangement(request, 1, batch, contextTokens),
    arrangement(request, numInstances, smaller, contextTokens),
  ];
}

/** Which arrangement wins, in a sentence. */
export function compareSentence([one, many]: readonly [Arrangement, Arrangement]): string {
  if (!many.starts) return `${many.name} does not start: only ${one.name} is left.`;
  if (!one.starts) return `${one.name} does not start: only ${many.name} is left.`;
  const faster = one.tokensPerSecond >= many.tokensPerSecond ? one : many;
  const other = faster === one ? many : one;
  const gain = ((faster.tokensPerSecond / other.tokensPerSecond - 1) * 100).toFixed(0);
  const kv = one.kvTokens >= many.kvTokens ? one : many;
  return `${faster.name} decodes an estimated ${gain} % faster (limited by ${faster.limit}); ${kv.name} holds more KV (${kv.kvTokens} tokens).`;
}
