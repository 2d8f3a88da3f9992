/**
 * @module The budget of an SGLang start (`profile_max_num_token`): a share of what is free before the weights.
 *
 *   free      = total − others − context − communication
 *   available = free − weights − free × (1 − share)
 */
import { gib, mib } from "../../../../core/byte-size.ts";
import { forwardPeakBytes } from "../../../model/weights/forward-width.ts";
import { rankWeights, withStoredBytes } from "../../../model/weights/rank-weights.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { estimated, exact, mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";
import type { SglangSettings } from "../settings/settings.ts";
import { sglangPool, tokenBytes } from "./pool.ts";

export interface Budget {
  readonly context: Quantity;
  readonly communication: Quantity;
  /** Free before the weights are loaded. */
  readonly free: Quantity;
  readonly weights: Quantity;
  /** Of the pools. */
  readonly available: Quantity;
  /** What the share leaves outside. */
  readonly kept: Quantity;
  readonly requestTable: Quantity;
  readonly graphs: Quantity;
  readonly activations: Quantity;
}

/** Free memory before the weights of eleven starts on known cards, one rank: 0.4 to 0.75 GiB below the total. */
const context = estimated(
  0.36 * gib,
  0.55 * gib,
  0.8 * gib,
  "CUDA context and libraries, before the weights",
);

function communicationOf({ device }: PlanRequest, ranks: number): Quantity {
  if (ranks === 1) return exact(0, "one rank");
  if (device.vendor === "amd")
    return estimated(0.5 * gib, 3.4 * gib, 4.5 * gib, "RCCL and custom all-reduce");
  const isDataCentre = /A100|A800|H100|H800|H200|H20|B200|B300|GH200|GB/.test(device.name);
  return isDataCentre
    ? estimated(0.8 * gib, 1.85 * gib, 2.4 * gib, "NCCL and custom all-reduce")
    : estimated(0.05 * gib, 0.13 * gib, 0.4 * gib, "NCCL");
}

function weightsOf(request: PlanRequest, settings: SglangSettings): Quantity {
  const { model, measured, storedWeightsBytes } = request;
  if (measured?.weights !== undefined) return measured.weights;
  const layout = {
    tensorParallel: settings.tensorParallel,
    pipelineParallel: settings.pipelineParallel,
    expertParallel: settings.expertParallel,
  };
  const stages = Array.from({ length: settings.pipelineParallel }, (_, stage) =>
    rankWeights(model, layout, stage),
  );
  const heaviest = stages.reduce((most, stage) => (stage.expectedBytes > most.expectedBytes ? stage : most));
  const counted = withStoredBytes(heaviest, model, storedWeightsBytes);
  return settings.offloadedBytes === 0
    ? counted
    : minus(counted, [exact(settings.offloadedBytes, "--cpu-offload-gb")], "weights on the device");
}

/** Requests that may run, where nothing is stated: a table row of all positions for each. */
export function runningRequests(
  numTokens: number,
  { maxRunningRequests, contextLength }: SglangSettings,
): number {
  const wanted = Math.trunc((numTokens / contextLength.value) * 512);
  return maxRunningRequests ?? Math.min(Math.max(wanted, 2048), 4096);
}

function graphsOf(
  { model }: PlanRequest,
  { capturedBatch, isEager, tensorParallel }: SglangSettings,
): Quantity {
  if (isEager) return exact(0, "no CUDA graphs");
  const base = capturedBatch.value >= 256 ? 0.6 : capturedBatch.value >= 64 ? 0.35 : 0.06;
  const expected = (base + 0.004 * model.layers.length) * (1 + 0.08 * Math.log2(tensorParallel)) * gib;
  return estimated(expected * 0.4, expected, expected * 3, "captured graphs: layers, batches and ranks");
}

export function budgetOf(request: PlanRequest, settings: SglangSettings): Budget {
  const { device, usedBytes, model, measured } = request;
  const ranks = settings.tensorParallel * settings.pipelineParallel;
  const communication = communicationOf(request, ranks);
  const used = exact(usedBytes, "held by others");
  const free = minus(device.total, [context, communication, used], "free before the weights");
  const weights = weightsOf(request, settings);
  const share = settings.share.value;
  const budget = mapQuantity(free, (bytes) => bytes * share, "share of what is free before the weights");
  const kept = mapQuantity(free, (bytes) => bytes * (1 - share), "what the share leaves");
  const available =
    measured?.availableKv ?? minus(budget, [weights], "what the share leaves beside the weights");
  const pool = sglangPool(Math.max(0, available.expectedBytes), tokenBytes(model, settings), settings);
  const rows = runningRequests(pool.numTokens, settings);
  const tokens = settings.prefillTokens.value > 0 ? settings.prefillTokens.value : 16_384;
  const peak = forwardPeakBytes(model, settings.tensorParallel, tokens);
  return {
    context,
    communication,
    free,
    weights,
    available,
    kept,
    requestTable: exact(
      rows * (settings.contextLength.value + 4) * 4,
      "a row of all positions for each request",
    ),
    graphs: measured?.graphs ?? graphsOf(request, settings),
    activations:
      measured?.activations ??
      estimated(peak * 0.8, peak, peak * 1.6 + 256 * mib, "a prefill of the largest chunk, while serving"),
  };
}
