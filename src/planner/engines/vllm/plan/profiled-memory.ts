/**
 * @module What vLLM measures in its profile run and a planner can only estimate: activations, persistent buffers, graphs.
 *
 * The forms are physical (which tensors live at the peak); the few constants are fitted to public start-up logs, never to
 * one row (docs/planner.md, "What is estimated").
 *
 *   forward  2 B × T × (3·I + 2·H + (q + 2·kv)·d)    gate, up and their product; the residual stream twice; q, k, v
 *   sampler  R × V × β                               β by how top-k and top-p are done, see below
 *   peak     the larger of the two
 */

import type { Device } from "../../../device/device.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { forwardPeakBytes } from "../../../model/weights/forward-width.ts";
import { vocabRowsOnRank } from "../../../model/weights/rank-tensors.ts";
import { gib, mib } from "../../../quantity/bytes.ts";
import { estimated, exact, type Quantity } from "../../../quantity/quantity.ts";
import type { VllmSettings } from "../settings/settings.ts";
import type { SamplerPath, VllmProfile } from "../settings/versions.ts";

/** Bytes a logit holds at the sampler's peak. sort: f16 and f32 logits, sorted copies, 64-bit indices and the radix sort's
 * second buffers; kernel: f16, f32, probabilities and one scratch copy; bare: no sampling parameters at all. */
const bytesPerLogit: Readonly<Record<SamplerPath, number>> = { sort: 38.1, kernel: 14.38, bare: 6.5 };
const samplerWorkspaceBytes: Readonly<Record<SamplerPath, number>> = {
  sort: 16 * mib,
  kernel: 76 * mib,
  bare: 0,
};

function samplerPath(settings: VllmSettings, profile: VllmProfile, device: Device): SamplerPath {
  return settings.usesSecondRunner ? "bare" : profile.sampler(device.computeCapability);
}

function samplerPeakBytes(model: ModelFacts, settings: VllmSettings, path: SamplerPath): number {
  if (settings.isPooling) return 0;
  const rows = Math.min(settings.maxSeqs.value, settings.maxBatchedTokens.value);
  const vocabulary = vocabRowsOnRank(model.vocabSize, 1);
  return (
    rows * vocabulary * bytesPerLogit[path] +
    samplerWorkspaceBytes[path] +
    2 * settings.maxBatchedTokens.value * model.hiddenSize
  );
}

/** The encoder's dummy batch: the largest item, or as many as the token budget holds, through the widest part of a block. */
function encoderPeakBytes(model: ModelFacts, settings: VllmSettings): number {
  const { vision } = model;
  if (vision === null) return 0;
  const patches = Math.max(vision.maxPatches, vision.patchesPerToken * settings.maxBatchedTokens.value);
  return 2 * patches * (2 * vision.width + 2 * vision.hiddenSize);
}

/** Outputs of the encoder's dummy batch stay in its cache while V1 runs the text. */
function keptEncoderBytes(model: ModelFacts, settings: VllmSettings, profile: VllmProfile): number {
  const { vision } = model;
  if (vision === null || profile.runner === "v0") return 0;
  return (
    2 *
    model.hiddenSize *
    Math.max(settings.maxBatchedTokens.value, vision.maxPatches / vision.patchesPerToken)
  );
}

/** Peak activations of the profile run on one rank. */
export function peakActivations(
  model: ModelFacts,
  device: Device,
  settings: VllmSettings,
  profile: VllmProfile,
): Quantity {
  const forward = forwardPeakBytes(model, settings.tensorParallel, settings.maxBatchedTokens.value);
  const encoder =
    settings.flags.switched("skip-mm-profiling") === true ? 0 : encoderPeakBytes(model, settings);
  const path = samplerPath(settings, profile, device);
  const kept = keptEncoderBytes(model, settings, profile);
  const peakWith = (taken: SamplerPath): number =>
    Math.max(forward + kept, samplerPeakBytes(model, settings, taken) + kept, encoder);
  const expected = peakWith(path);
  const isOpen = profile.runner === "v1" && path !== "bare" && !profile.chargesGraphs;
  const other = isOpen ? peakWith(path === "sort" ? "kernel" : "sort") : expected;
  const cause =
    expected === forward ? "forward pass" : expected === encoder ? "image encoder" : `sampler (${path})`;
  return estimated(
    Math.max(0, Math.min(expected * 0.9, path === "sort" ? other * 0.9 : expected) - 48 * mib),
    expected,
    Math.max(
      expected * 1.12 + 64 * mib,
      expected + encoder * 3,
      profile.isHopperSamplerOpen && path === "kernel" ? peakWith("sort") : 0,
    ),
    `peak of the ${cause} in the profile run`,
  );
}

/** On unified memory "free" is what the host has available: the worker's host memory and pages of the checkpoint are billed
 * too (GiB). Two GB10 logs: 3.3 with a warm checkpoint, 11.5 with a cold one. */
const hostGrowth = { low: 0, expected: 3.3, high: 12 } as const;

/** Buffers, handles and, before 0.21, communication memory that the profile run finds beside the weights. */
export function persistentBuffers(device: Device, settings: VllmSettings, profile: VllmProfile): Quantity {
  const world = settings.tensorParallel * settings.pipelineParallel;
  // Experts over data-parallel ranks have two communicators more: of the data ranks, and of the experts'.
  const divides = settings.isExpertParallel && settings.dataParallel > 1;
  const numCommunicators = (world > 1 ? 1 : 0) + (divides ? 2 : 0);
  const isDataCentre = /A100|A800|H100|H800|H200|H20|B200|B300|GH200|MI[23]/.test(device.name);
  const isForeign = device.vendor === "intel" || device.vendor === "ascend";
  const hopperKernels = profile.hasHopperKernels && device.computeCapability >= 9;
  // ROCm's libraries keep workspaces that nobody's two logs agree on.
  const single =
    device.vendor === "amd"
      ? { low: 0.05, expected: 0.5, high: 6.2 }
      : isForeign
        ? { low: 0.05, expected: 0.85, high: 2 }
        : hopperKernels
          ? { low: 0.05, expected: 0.25, high: 0.48 }
          : profile.chargesGraphs
            ? { low: 0.01, expected: 0.18, high: 0.6 }
            : { low: 0.01, expected: 0.07, high: 0.35 };
  const host = device.isUnified ? hostGrowth : { low: 0, expected: 0, high: 0 };
  const alone = {
    low: single.low + host.low,
    expected: single.expected + host.expected,
    high: single.high + host.high,
  };
  if (numCommunicators === 0)
    return estimated(
      alone.low * gib,
      alone.expected * gib,
      alone.high * gib,
      "handles, kernels and input buffers",
    );
  const shared = profile.billsCommunication
    ? isDataCentre
      ? { low: 1.6, expected: 1.85, high: 2.4 }
      : { low: 0.1, expected: 0.25, high: 1 }
    : { low: 0.25, expected: 0.45, high: 1 };
  return estimated(
    (alone.low + shared.low * numCommunicators) * gib,
    (alone.expected + shared.expected * numCommunicators) * gib,
    (alone.high + shared.high * numCommunicators) * gib,
    "handles, kernels, input buffers and communication buffers of the ranks",
  );
}

const buffersOf512 = 0.4;

/** Graph memory that vLLM takes out of the budget; exactly nothing where it does not. */
export function chargedGraphs(
  model: ModelFacts,
  device: Device,
  settings: VllmSettings,
  profile: VllmProfile,
): Quantity {
  if (settings.isEager) return exact(0, "no CUDA graphs");
  if (!profile.chargesGraphs) return exact(0, "before 0.21 graphs are not taken out of the budget");
  if (settings.usesSecondRunner && !profile.estimatesGraphsOnSecondRunner)
    return exact(0, "the second model runner estimates 0 before 0.29");
  return graphMemory(model, device, settings);
}

/**
 * What the graphs take when they are captured, charged or not: so much for each layer of each captured size, and buffers
 * where 512 requests decode. Fitted to thirty logs; on unified memory a GB10 took 5.1 GiB where other cards take 1.3.
 */
export function graphMemory(model: ModelFacts, device: Device, settings: VllmSettings): Quantity {
  if (settings.isEager) return exact(0, "no CUDA graphs");
  const { numGraphs, largestDecoding } = settings.captured;
  const ranks = 1 + 0.08 * Math.log2(settings.tensorParallel);
  const numLayers = model.layers.length / settings.pipelineParallel;
  const graphs = numGraphs * (0.001 + 0.00012 * numLayers);
  const expected = (0.03 + graphs + (largestDecoding >= 512 ? buffersOf512 : 0)) * ranks * gib;
  return estimated(
    expected * 0.4,
    expected,
    expected * (device.isUnified ? 7 : 1.6),
    `captured graphs: ${numGraphs} of ${Math.ceil(numLayers)} layers`,
  );
}
