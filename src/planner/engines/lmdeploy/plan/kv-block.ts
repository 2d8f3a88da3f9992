/** @module Bytes of one KV block on one rank, in TurboMind and in the PyTorch engine (lmdeploy-memory.md §2.2). */

import { dtypeBytes, type LinearMixer, type Mixer, type ModelFacts } from "../../../model/facts.ts";
import { roundUp } from "../../../quantity/bytes.ts";
import type { LmdeploySettings, QuantPolicy } from "../settings/settings.ts";

/** KV heads of one rank: all repeated until they divide over the ranks (4 heads on 8 ranks act as 8; 6 on 4 as 12). */
export function localKvHeads(numKvHeads: number, ranks: number): number {
  let repeated = numKvHeads;
  while (repeated % ranks !== 0) repeated += numKvHeads;
  return repeated / ranks;
}

/** TurboMind: K and V data of every attention layer, and 4 bytes of scale and zero per token, head and side where quantized. */
export function turbomindBlockBytes(
  mixers: readonly Mixer[],
  policy: QuantPolicy,
  blockSize: number,
  ranks: number,
): number {
  const bits = policy === 0 ? 16 : policy;
  const parameters = policy === 0 ? 0 : 4;
  let total = 0;
  for (const mixer of mixers) {
    if (mixer.kind === "latent") {
      const width = mixer.kvRank + mixer.ropeHeadDim;
      total += blockSize * ((bits * width) / 8 + parameters);
    }
    if (mixer.kind === "attention") {
      const sides = mixer.headDim === 576 ? 1 : 2;
      total +=
        localKvHeads(mixer.numKvHeads, ranks) * sides * blockSize * ((bits * mixer.headDim) / 8 + parameters);
    }
  }
  return total;
}

interface TensorShape {
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** Bytes of the tensors of one layer and one kernel block; each is rounded to 256. */
function layerTensors(
  shape: TensorShape,
  policy: QuantPolicy,
  tokens: number,
  numberBytes: number,
): number[] {
  const { heads, keyDim, valueDim } = shape;
  const cells = tokens * heads;
  const scales = cells * 2 * numberBytes;
  switch (policy) {
    case 0:
      return [cells * keyDim * numberBytes, cells * valueDim * numberBytes];
    case 8:
      return [cells * keyDim, cells * valueDim, scales, scales];
    case 4:
      return [(cells * keyDim) / 2, (cells * valueDim) / 2, scales, scales];
    case 16:
    case 17:
      return [cells * keyDim, cells * valueDim];
    case 42:
      return [(cells * keyDim) / 2, (cells * valueDim) / 4, scales, cells * numberBytes];
  }
}

function shapeOf(mixer: Mixer, ranks: number): TensorShape | null {
  if (mixer.kind === "latent") return { heads: 1, keyDim: mixer.kvRank + mixer.ropeHeadDim, valueDim: 0 };
  if (mixer.kind !== "attention") return null;
  return {
    heads: localKvHeads(mixer.numKvHeads, ranks),
    keyDim: mixer.headDim,
    valueDim: mixer.valueHeadDim,
  };
}

/** PyTorch engine: block ÷ kernel block times the rounded tensors of every layer. */
export function pytorchBlockBytes(model: ModelFacts, settings: LmdeploySettings): number {
  const { kernelBlockSize: kernel, blockSize, quantPolicy, tensorParallel } = settings;
  let perKernelBlock = 0;
  for (const { mixer } of model.layers) {
    const shape = shapeOf(mixer, tensorParallel);
    if (shape === null) continue;
    for (const bytes of layerTensors(shape, quantPolicy, kernel, dtypeBytes(model.dtype)))
      perKernelBlock += roundUp(bytes, 256);
  }
  return (blockSize.value / kernel) * perKernelBlock;
}

/** Recurrent state of one sequence over all gated delta net layers of a rank. */
export function recurrentStateBytes(model: ModelFacts, ranks: number): number {
  return model.layers.reduce(
    (total, { mixer }) => total + (mixer.kind === "linear" ? stateOf(mixer, model, ranks) : 0),
    0,
  );
}

function stateOf(mixer: LinearMixer, model: ModelFacts, ranks: number): number {
  const stateBytes = mixer.stateDtype === "float32" ? 4 : dtypeBytes(model.dtype);
  const values = mixer.numValueHeads / ranks;
  const convWidth = (2 * mixer.numKeyHeads * mixer.keyHeadDim) / ranks + values * mixer.valueHeadDim;
  return (
    values * mixer.valueHeadDim * mixer.keyHeadDim * stateBytes +
    mixer.convWidth * convWidth * dtypeBytes(model.dtype)
  );
}
