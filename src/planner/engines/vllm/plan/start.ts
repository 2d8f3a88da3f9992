/** @module A vLLM start: request, profile, settings, split and pool; everything but memory. */

import type { ModelFacts } from "../../../model/facts.ts";
import { quantizationNamed } from "../../../model/parse-quantization.ts";
import { assertDivides, type RankLayout } from "../../../model/weights/rank-tensors.ts";
import { rankWeights, withStoredBytes } from "../../../model/weights/rank-weights.ts";
import type { ExpertPadding } from "../../../model/weights/weight-formats.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { exact, minus, type Quantity, sum } from "../../../quantity/quantity.ts";
import { loraSlots } from "../settings/lora.ts";
import { resolveVllmSettings, type VllmSettings } from "../settings/settings.ts";
import { isTextOnly } from "../settings/text-only.ts";
import { newestVllm, type VllmProfile, vllmProfile } from "../settings/versions.ts";
import { type Draft, draftOf } from "./draft.ts";
import { describePool, type VllmPool } from "./pool.ts";

export interface Start {
  readonly request: PlanRequest;
  readonly model: ModelFacts;
  readonly profile: VllmProfile;
  readonly settings: VllmSettings;
  readonly layout: RankLayout;
  readonly pool: VllmPool;
  /** The draft model; null: none, or one without weights. */
  readonly draft: Draft | null;
}

function modelOf(request: PlanRequest, settings: VllmSettings): ModelFacts {
  const model = isTextOnly(settings.flags, request.model)
    ? { ...request.model, vision: null }
    : request.model;
  const named = settings.flags.text("quantization");
  const dtype = settings.flags.text("dtype");
  const quantization = model.quantization ?? (named === null ? null : quantizationNamed(named));
  const half = dtype === "half" ? "float16" : dtype === "float" ? "float32" : dtype;
  const isDtype = half === "float16" || half === "float32" || half === "bfloat16";
  const isChanged = quantization !== model.quantization || (isDtype && half !== model.dtype);
  return isChanged ? { ...model, quantization, dtype: isDtype ? half : model.dtype } : model;
}

export function startOf(request: PlanRequest): Start {
  const profile = vllmProfile(request.version ?? newestVllm, request.device.computeCapability);
  const settings = resolveVllmSettings(request, profile);
  const model = modelOf(request, settings);
  const ranks = settings.tensorParallel * settings.dataParallel;
  const layout = {
    tensorParallel: settings.tensorParallel,
    pipelineParallel: settings.pipelineParallel,
    expertParallel: settings.isExpertParallel ? ranks : 1,
  };
  assertDivides(model, layout);
  const draft = draftOf({ ...request, model }, settings);
  return {
    request,
    model,
    profile,
    settings,
    layout,
    draft,
    pool: describePool(model, request.device, settings, profile, draft),
  };
}

/** gpt-oss experts are padded to Marlin tiles; Triton on Hopper pads only the data, XPU kernels nothing. */
function expertPadding({ request, profile }: Start): ExpertPadding {
  const { device } = request;
  if (device.vendor !== "nvidia") return "none";
  const usesTriton = device.computeCapability === 9 && profile.hasHopperKernels;
  return usesTriton ? "triton" : "marlin";
}

/** LoRA slots, and on the last stage the draft. */
function addedWeights({ model, settings, layout, draft }: Start, stage: number): Quantity[] {
  const slots = settings.lora === null ? [] : [loraSlots(settings.lora, model, layout, stage)];
  const isLast = stage === layout.pipelineParallel - 1;
  return draft !== null && isLast ? [...slots, draft.weights] : slots;
}

export function stageWeights(start: Start, stage: number): Quantity {
  const { measured } = start.request;
  if (measured?.weights !== undefined) return measured.weights;
  const counted = rankWeights(start.model, start.layout, stage, expertPadding(start));
  const weights = withStoredBytes(counted, start.model, start.request.storedWeightsBytes);
  const offloaded = Math.min(start.settings.cpuOffloadBytes, weights.expectedBytes);
  const parts = [weights, ...addedWeights(start, stage)];
  const why = parts.map(({ evidence }) => evidence.why).join("; ");
  return offloaded === 0
    ? sum(parts, why)
    : minus(sum(parts, why), [exact(offloaded, "--cpu-offload-gb")], "weights on the device");
}
