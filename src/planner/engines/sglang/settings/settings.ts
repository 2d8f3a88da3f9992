/** @module What an SGLang start is told, and what it takes where nothing is said. */

import { gib } from "../../../../core/byte-size.ts";
import { PagodaError } from "../../../../core/errors.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { dtypeBytes, type ModelFacts } from "../../../model/facts.ts";
import { FlagReader, setting } from "../../../plan/flags.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { sglangFlags } from "./flag-table.ts";
import { defaultBatching, defaultShare } from "./static-share.ts";
import type { SglangProfile } from "./versions.ts";

export interface SglangSettings {
  readonly flags: FlagReader;
  readonly share: Resolved<number>;
  readonly contextLength: Resolved<number>;
  readonly prefillTokens: Resolved<number>;
  readonly capturedBatch: Resolved<number>;
  readonly maxTotalTokens: number | null;
  readonly maxRunningRequests: number | null;
  readonly pageSize: Resolved<number>;
  readonly kvDtype: string;
  /** Bytes of a number in the cache. */
  readonly kvBytes: number;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  readonly dataParallel: number;
  readonly expertParallel: number;
  /** Ranks over which the heads of one request are divided. */
  readonly attentionParallel: number;
  readonly cachesPrefixes: boolean;
  readonly isEager: boolean;
  readonly dividesWindows: boolean;
  readonly windowRatio: number;
  readonly stateRatio: number;
  readonly maxStates: number | null;
  readonly offloadedBytes: number;
}

const kvSizes: Readonly<Record<string, number>> = {
  fp8_e5m2: 1,
  fp8_e4m3: 1,
  bf16: 2,
  bfloat16: 2,
  fp4_e2m1: 0.5,
};

function kvFormat(flags: FlagReader, model: ModelFacts): { readonly name: string; readonly bytes: number } {
  const stated = flags.text("kv-cache-dtype") ?? "auto";
  if (stated === "auto") return { name: model.dtype, bytes: dtypeBytes(model.dtype) };
  const bytes = kvSizes[stated];
  if (bytes !== undefined) return { name: stated, bytes };
  throw new PagodaError("plan_invalid", `SGLang has no KV cache of ${stated}.`, {
    param: "kv-cache-dtype",
    hint: `It takes auto, ${Object.keys(kvSizes).join(", ")}.`,
  });
}

function positive(flags: FlagReader, name: string, fallback: number): number {
  const value = flags.integer(name) ?? fallback;
  if (value >= 1) return value;
  throw new PagodaError("plan_invalid", `--${name} must be at least 1; got ${value}.`, {
    param: name,
    hint: `Write --${name} ${Math.max(1, fallback)}.`,
  });
}

function shareOf(flags: FlagReader, fallback: number): Resolved<number> {
  const stated = flags.number("mem-fraction-static");
  if (stated === null) return setting(fallback, "default", "of this card and this version");
  if (stated > 0 && stated < 1) return setting(stated, "flag");
  throw new PagodaError("plan_invalid", `--mem-fraction-static must be between 0 and 1; got ${stated}.`, {
    param: "mem-fraction-static",
    hint: "It is a share of the memory that is free before the weights, such as 0.85.",
  });
}

/** Families whose layers with a window have a pool of their own (`is_hybrid_swa_model`). */
const divided = /^(Llama4|GptOss|MiMoV2|Step3p|Gemma4)/;

/** @throws PagodaError `plan_invalid` for a value that SGLang refuses. */
export function resolveSglangSettings(request: PlanRequest, profile: SglangProfile): SglangSettings {
  const { device, model } = request;
  const flags = new FlagReader(sglangFlags, request.flags);
  const tensorParallel = positive(flags, "tensor-parallel-size", 1);
  const pipelineParallel = positive(flags, "pipeline-parallel-size", 1);
  const dataParallel = positive(flags, "data-parallel-size", 1);
  const dividesAttention = flags.switched("enable-dp-attention") === true && dataParallel > 1;
  const byDefault = defaultBatching(device, tensorParallel, profile);
  const prefillStated = flags.integer("chunked-prefill-size");
  const capturedStated = flags.integer("cuda-graph-max-bs");
  const isEager = flags.switched("disable-cuda-graph") === true || device.vendor === "cpu";
  const batching = {
    prefillTokens: Math.max(0, prefillStated ?? byDefault.prefillTokens),
    captured: capturedStated ?? byDefault.captured,
  };
  const byRule = defaultShare(
    {
      device,
      ranks: tensorParallel * pipelineParallel,
      batching,
      maxPrefillTokens: flags.integer("max-prefill-tokens") ?? 16_384,
      attentionRanks: dividesAttention ? dataParallel : 1,
      drafts: flags.has("speculative-algorithm"),
      capturesPrefill:
        profile.capturesPrefill && !isEager && flags.switched("disable-piecewise-cuda-graph") !== true,
    },
    model.vision,
    profile,
  );
  const kv = kvFormat(flags, model);
  const length = flags.integer("context-length");
  return {
    flags,
    share: shareOf(flags, byRule),
    contextLength: setting(length ?? model.maxPositions, length === null ? "default" : "flag"),
    prefillTokens: setting(batching.prefillTokens, prefillStated === null ? "default" : "flag"),
    capturedBatch: setting(batching.captured, capturedStated === null ? "default" : "flag"),
    maxTotalTokens: flags.integer("max-total-tokens"),
    maxRunningRequests: flags.integer("max-running-requests"),
    pageSize: setting(positive(flags, "page-size", 1), flags.has("page-size") ? "flag" : "default"),
    kvDtype: kv.name,
    kvBytes: kv.bytes,
    tensorParallel,
    pipelineParallel,
    dataParallel,
    expertParallel: positive(flags, "expert-parallel-size", 1),
    attentionParallel: dividesAttention ? Math.max(1, tensorParallel / dataParallel) : tensorParallel,
    cachesPrefixes: flags.switched("disable-radix-cache") !== true,
    isEager,
    dividesWindows:
      profile.hasWindowPool &&
      flags.switched("disable-hybrid-swa-memory") !== true &&
      divided.test(model.architecture),
    windowRatio: flags.number("swa-full-tokens-ratio") ?? 0.8,
    stateRatio: flags.number("mamba-full-memory-ratio") ?? 0.9,
    maxStates: flags.integer("max-mamba-cache-size"),
    offloadedBytes: (flags.number("cpu-offload-gb") ?? 0) * gib,
  };
}
