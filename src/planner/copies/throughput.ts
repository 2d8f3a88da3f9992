/**
 * @module A roofline of decoding: how long a step takes that reads the weights once and every sequence's cache.
 *
 *   step ≥ (weights + Σ sequences · context · KV bytes a token) ÷ (bandwidth · 0.75)      memory
 *   step ≥ 2 · active parameters · sequences ÷ (FLOPS · 0.5)                               compute
 *
 * Labelled estimated everywhere it is shown: kernels, scheduling and communication are in the two efficiencies alone.
 */
import type { Device } from "../device/device.ts";
import type { ModelFacts } from "../model/facts.ts";
import { countParameters } from "../model/weights/rank-tensors.ts";

const memoryEfficiency = 0.75;
const computeEfficiency = 0.5;

export interface DecodeLoad {
  /** Bytes of weights on one card, read by each step. */
  readonly weightsBytes: number;
  readonly kvBytesPerToken: number;
  readonly numSequences: number;
  readonly contextTokens: number;
  readonly numCards: number;
}

/** Parameters that one token passes: all but the experts it does not choose. */
function activeParameters(model: ModelFacts): number {
  let idle = 0;
  for (const { feedForward } of model.layers) {
    if (feedForward.kind !== "experts") continue;
    const matrices = feedForward.isGated ? 3 : 2;
    idle +=
      (feedForward.numExperts - feedForward.numActive) * matrices * feedForward.width * model.hiddenSize;
  }
  return countParameters(model) - idle;
}

/** Tokens a second of all sequences together, and which roof limits them. */
export function decodeTokensPerSecond(
  model: ModelFacts,
  device: Device,
  load: DecodeLoad,
): { readonly tokensPerSecond: number; readonly limit: "memory" | "compute" } {
  const share = Math.min(1, 0.05 + load.numSequences * (activeParameters(model) / countParameters(model)));
  const readBytes = load.weightsBytes * share + load.numSequences * load.contextTokens * load.kvBytesPerToken;
  const memorySeconds = readBytes / (device.bandwidthBytesPerSecond * memoryEfficiency);
  const computeSeconds =
    (2 * activeParameters(model) * load.numSequences) /
    (device.flopsPerSecond * load.numCards * computeEfficiency);
  const limit = memorySeconds >= computeSeconds ? "memory" : "compute";
  return { tokensPerSecond: load.numSequences / Math.max(memorySeconds, computeSeconds), limit };
}
