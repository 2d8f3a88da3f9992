/** @module What can be said of an instance's model before it is loaded. */
import type { ServedModel } from "../core/generation.ts";
import { defaultSamplingParams } from "../core/sampling-params.ts";
import type { PreparedInstance } from "./prepared-instance.ts";

/** For `/v1/models`, and for the engine once it runs. */
export function describeServedModel(prepared: PreparedInstance): ServedModel {
  const { settings, plan, files, sampling, names, root } = prepared;
  const statedSampling = {
    ...defaultSamplingParams,
    ...sampling.stated,
    seed: settings.seed?.value ?? null,
  };
  return {
    modelId: names[0],
    root,
    maxModelLen: plan.limits.maxModelLen,
    maxLogprobs: plan.limits.maxLogprobs,
    statedSampling,
    defaultSampling: { ...statedSampling, ...sampling.recommended },
    samplingOrigin: sampling.origin,
    maxTokensCeiling: sampling.maxTokensCeiling,
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    hasChatTemplate: files.chatTemplate !== null,
    features: new Set(),
  };
}
