/** @module One instance with a large batch against several with smaller ones on the same card, at settings where they start. */
import { canonicalRequest, rulesOf } from "../engines/engines.ts";
import { bytesOf } from "../plan/component.ts";
import type { PlanRequest } from "../plan/plan.ts";
import { plan } from "../search/plan.ts";
import { copyWays } from "./replicas.ts";
import { type InstanceStart, startInOrder, starts } from "./starts-in-order.ts";
import { decodeTokensPerSecond } from "./throughput.ts";

export interface Arrangement {
  readonly name: string;
  readonly numInstances: number;
  readonly batch: number;
  readonly starts: boolean;
  /** What was changed of the stated flags so that it starts, by place; empty: nothing but the batch. */
  readonly changes: readonly (readonly string[])[];
  readonly kvTokens: number;
  /** Weights that are there more than once. */
  readonly copiedWeightsBytes: number;
  /** Tokens lost to half-full last blocks, half a block a sequence. */
  readonly wastedTokens: number;
  /** Estimated by a roofline of bandwidth and compute; 0 where it does not start. */
  readonly tokensPerSecond: number;
  readonly limit: "memory" | "compute";
  readonly plan: InstanceStart["plan"];
}

interface Started {
  readonly instances: readonly InstanceStart[];
  readonly changes: Arrangement["changes"];
}

/** As stated where that starts; else the best way to let all start; else the smallest change that lets one start. */
function startedCopies(request: PlanRequest, numInstances: number): Started {
  const copies = Array.from({ length: numInstances }, () => request);
  const stated = startInOrder(copies, request.usedBytes);
  if (stated.every((instance) => starts(instance.plan))) return { instances: stated, changes: [] };
  const [way] = copyWays(request, numInstances);
  return way === undefined
    ? { instances: stated, changes: [] }
    : { instances: way.instances, changes: way.flags };
}

interface Load {
  readonly numInstances: number;
  readonly batch: number;
  readonly contextTokens: number;
}

function arrangement(stated: PlanRequest, { numInstances, batch, contextTokens }: Load): Arrangement {
  const { roles } = rulesOf(stated.engine);
  const request = { ...stated, flags: { ...stated.flags, [roles.sequences]: String(batch) } };
  const { instances, changes } = startedCopies(request, numInstances);
  const first = instances[0]?.plan ?? plan(request);
  const allStart = instances.every((instance) => starts(instance.plan));
  const weights = bytesOf(first, "weights");
  const { tokensPerSecond, limit } = decodeTokensPerSecond(request.model, request.device, {
    // Copies on one card share its bandwidth: each step of each copy reads its own weights.
    weightsBytes: weights * numInstances,
    kvBytesPerToken: first.kv?.bytesPerToken ?? 0,
    numSequences: batch * numInstances,
    contextTokens,
    numCards: first.numDevices,
  });
  return {
    name: `${numInstances} × ${batch}`,
    numInstances,
    batch,
    starts: allStart,
    changes,
    kvTokens: instances.reduce(
      (total, instance) => total + (starts(instance.plan) ? (instance.plan.kv?.numTokens.expected ?? 0) : 0),
      0,
    ),
    copiedWeightsBytes: weights * (numInstances - 1),
    wastedTokens: (batch * numInstances * (first.kv?.blockSize ?? 0)) / 2,
    tokensPerSecond: allStart ? tokensPerSecond : 0,
    limit,
    plan: first,
  };
}

/** Compares 1 × `batch` with `numInstances` × `batch ÷ numInstances` at `contextTokens` a sequence. */
export function compareReplicas(
  typed: PlanRequest,
  numInstances: number,
  batch: number,
  contextTokens: number,
): readonly [Arrangement, Arrangement] {
  const request = canonicalRequest(typed);
  const smaller = Math.max(1, Math.floor(batch / numInstances));
  return [
    arrangement(request, { numInstances: 1, batch, contextTokens }),
    arrangement(request, { numInstances, batch: smaller, contextTokens }),
  ];
}

/** Which arrangement wins, in a sentence. */
export function compareSentence([one, many]: readonly [Arrangement, Arrangement]): string {
  if (!many.starts && !one.starts) return `Neither ${one.name} nor ${many.name} starts.`;
  if (!many.starts) return `${many.name} does not start: only ${one.name} is left.`;
  if (!one.starts) return `${one.name} does not start: only ${many.name} is left.`;
  const faster = one.tokensPerSecond >= many.tokensPerSecond ? one : many;
  const other = faster === one ? many : one;
  const gain = ((faster.tokensPerSecond / other.tokensPerSecond - 1) * 100).toFixed(0);
  const kv = one.kvTokens >= many.kvTokens ? one : many;
  return `${faster.name} decodes an estimated ${gain} % faster (limited by ${faster.limit}); ${kv.name} holds more KV (${kv.kvTokens} tokens).`;
}
