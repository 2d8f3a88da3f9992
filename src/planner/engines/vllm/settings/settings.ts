/** @module The settings of a vLLM start after its own defaults, in its own order (vllm-memory.md §4, §10.3). */
import { PagodaError } from "../../../../core/errors.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { FlagReader, setting } from "../../../plan/flags.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { gib, parseHumanInteger } from "../../../quantity/bytes.ts";
import { type CapturedSizes, capturedSizes } from "./captured-sizes.ts";
import { vllmFlags } from "./flag-table.ts";
import { type LoraSettings, loraSettings } from "./lora.ts";
import { skippedLayers } from "./skipped-layers.ts";
import { type Speculation, speculationOf } from "./speculation.ts";
import type { VllmProfile } from "./versions.ts";

export interface VllmSettings {
  readonly flags: FlagReader;
  readonly utilization: Resolved<number>;
  readonly maxModelLen: Resolved<number>;
  /** `--max-model-len auto`. */
  readonly fitsLength: boolean;
  readonly maxBatchedTokens: Resolved<number>;
  readonly maxSeqs: Resolved<number>;
  readonly blockSize: Resolved<number> | null;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  readonly dataParallel: number;
  readonly decodeContextParallel: number;
  readonly isExpertParallel: boolean;
  readonly isEager: boolean;
  readonly cachesPrefixes: boolean;
  readonly disablesHybrid: boolean;
  readonly isAsync: boolean;
  readonly usesSecondRunner: boolean;
  readonly kvDtype: string;
  readonly kvBytesStated: number | null;
  readonly numBlocksOverride: number | null;
  readonly cpuOffloadBytes: number;
  readonly swapBytes: number;
  readonly numSpeculativeTokens: number;
  readonly speculation: Speculation | null;
  /** Tokens a sliding window keeps beyond itself while several layers predict. */
  readonly extraWindowTokens: number;
  readonly skippedKvLayers: ReadonlySet<string>;
  readonly lora: LoraSettings | null;
  readonly mambaCacheMode: "none" | "align" | "all";
  /** `--mamba-ssm-cache-dtype`; null: auto. */
  readonly stateDtype: string | null;
  readonly captured: CapturedSizes;
  /** Embeds, classifies or ranks: nothing is sampled and nothing decoded. */
  readonly isPooling: boolean;
}

function maxModelLenOf(
  flags: FlagReader,
  model: ModelFacts,
): { readonly length: Resolved<number>; readonly fits: boolean } {
  const text = flags.text("max-model-len");
  if (text === null)
    return { length: setting(model.maxPositions, "derived", "the model's own length"), fits: false };
  if (text === "auto" || text === "-1")
    return { length: setting(model.maxPositions, "derived", "auto"), fits: true };
  const stated = parseHumanInteger(text);
  if (stated === null || stated < 1)
    throw new PagodaError(
      "plan_invalid",
      `--max-model-len must be a number of tokens or auto; got "${text}".`,
      {
        param: "max-model-len",
        hint: "Write it as --max-model-len 8192.",
      },
    );
  return { length: setting(stated, "flag", "--max-model-len"), fits: false };
}

/** Batch defaults of the V1 engine by device class; V0 has 256 sequences and one prompt of full length. */
function batchDefaults(
  request: PlanRequest,
  profile: VllmProfile,
): { readonly tokens: number; readonly seqs: number } {
  const { device, usage } = request;
  if (device.vendor === "cpu")
    return { tokens: usage === "serve" ? 2048 : 4096, seqs: usage === "serve" ? 128 : 256 };
  const isServe = usage === "serve";
  const small = { tokens: isServe ? 2048 : 8192, seqs: 256 };
  if (profile.largeBatchDefaults === "none") return small;
  const isLarge = device.nominalBytes >= 160 * gib;
  const isMiddle = device.nominalBytes >= 70 * gib && !/a100/i.test(device.name);
  if (!isLarge && !isMiddle) return small;
  const isNewest = profile.chargesGraphs && profile.reservesNullBlock;
  const tokens = isServe && !(isLarge && isNewest) ? 8192 : 16384;
  return { tokens, seqs: profile.largeBatchDefaults === "tokensAndSeqs" ? 1024 : 256 };
}

/** V0 without chunked prefill profiles one prompt of full length, at least 2048 tokens; beyond 32 K it chunks by itself. */
function v0Tokens(flags: FlagReader, maxModelLen: number): number {
  const chunks = flags.switched("enable-chunked-prefill") ?? maxModelLen > 32768;
  return chunks ? 2048 : Math.max(maxModelLen, 2048);
}

interface Batch {
  readonly tokens: Resolved<number>;
  readonly seqs: Resolved<number>;
}

function batchOf(flags: FlagReader, request: PlanRequest, profile: VllmProfile, maxModelLen: number): Batch {
  const statedTokens = flags.integer("max-num-batched-tokens");
  const statedSeqs = flags.integer("max-num-seqs");
  const defaults = batchDefaults(request, profile);
  const isV0 = profile.runner === "v0";
  const throughput = flags.text("performance-mode") === "throughput" ? 2 : 1;
  let seqs = statedSeqs ?? defaults.seqs * throughput;
  let tokens = statedTokens ?? (isV0 ? v0Tokens(flags, maxModelLen) : defaults.tokens * throughput);
  if (statedTokens === null && !isV0) {
    if (flags.switched("enable-chunked-prefill") === false) tokens = Math.max(maxModelLen, tokens);
    tokens = Math.min(tokens, seqs * maxModelLen);
  }
  if (statedTokens !== null && statedSeqs !== null && tokens < seqs)
    throw new PagodaError(
      "plan_invalid",
      `max_num_batched_tokens (${tokens}) must be greater than or equal to max_num_seqs (${seqs}).`,
      {
        param: "max-num-batched-tokens",
        hint: `Use --max-num-batched-tokens ${seqs} or --max-num-seqs ${tokens}.`,
      },
    );
  if (statedSeqs === null) seqs = Math.min(seqs, tokens);
  return {
    tokens: setting(tokens, statedTokens === null ? "default" : "flag"),
    seqs: setting(seqs, statedSeqs === null ? "default" : "flag"),
  };
}

/** Tokens drafted a step: as stated, else as many as the checkpoint's own layers predict; 0 without drafting. */
function speculativeTokens(speculation: Speculation | null, model: ModelFacts): number {
  if (speculation === null) return 0;
  return speculation.numTokens ?? Math.max(1, model.numDraftLayers);
}

/** Several prediction layers keep the tokens they may still revise in every window (vllm-memory.md §3.2, `extra`). */
function extraWindowTokens(speculation: Speculation | null, model: ModelFacts): number {
  const numTokens = speculativeTokens(speculation, model);
  const hasModules = speculation?.kind === "prediction" && Math.min(model.numDraftLayers, numTokens) > 1;
  return hasModules ? numTokens - 1 : 0;
}

function isEagerStart(flags: FlagReader, request: PlanRequest): boolean {
  if (flags.switched("enforce-eager") === true || request.device.vendor === "cpu") return true;
  return (
    flags.integer("optimization-level") === 0 ||
    /"cudagraph_mode"\s*:\s*"NONE"/.test(flags.text("compilation-config") ?? "")
  );
}

function positive(flags: FlagReader, name: string, fallback: number): number {
  const value = flags.integer(name) ?? fallback;
  if (value >= 1) return value;
  throw new PagodaError("plan_invalid", `--${name} must be at least 1; got ${value}.`, {
    param: name,
    hint: "It must be at least 1.",
  });
}

function utilizationOf(flags: FlagReader, profile: VllmProfile): Resolved<number> {
  const stated = flags.number("gpu-memory-utilization");
  if (stated === null) return setting(profile.defaultUtilization, "default", `of vLLM ${profile.id}`);
  if (!(stated > 0 && stated <= 1))
    throw new PagodaError("plan_invalid", `GPU memory utilization must be in (0, 1]. Got ${stated}.`, {
      param: "gpu-memory-utilization",
      hint: "It is a share of the device's total memory, such as 0.9.",
    });
  return setting(stated, "flag", "--gpu-memory-utilization");
}

/** @throws PagodaError `plan_invalid` where the version has no such flag. */
function kvBytesOf(flags: FlagReader, profile: VllmProfile): number | null {
  const stated = flags.integer("kv-cache-memory-bytes") || null;
  if (stated !== null && !profile.takesKvBytes)
    throw new PagodaError("plan_invalid", `vLLM ${profile.id} has no --kv-cache-memory-bytes.`, {
      param: "kv-cache-memory-bytes",
      hint: "It came with 0.11; before, use --num-gpu-blocks-override or a share.",
    });
  return stated;
}

/** A model of states alone caches no prefixes, and its "block" is a whole request. */
export function hasAttention(model: ModelFacts): boolean {
  return model.layers.some(({ mixer }) => mixer.kind === "attention" || mixer.kind === "latent");
}

/** The second runner took plain models first: no states, no mixed windows, no experts, no images. */
function isDense(model: ModelFacts): boolean {
  const windows = new Set(
    model.layers.map(({ mixer }) => (mixer.kind === "attention" ? mixer.window : mixer.kind)),
  );
  const hasExperts = model.layers.some(({ feedForward }) => feedForward.kind === "experts");
  return windows.size === 1 && !hasExperts && model.vision === null;
}

const headless = /ForSequenceClassification$|RewardModel$|(?:Bert|Roberta|Qwen2|Qwen3|Llama|Mistral)Model$/;
const poolingTasks = /^(?:embed|embedding|classify|score|reward|pooling|token_embed|token_classify)$/;

/** By flag, by an architecture without a language head, or by a name under which embedders are published. */
function isPoolingStart(flags: FlagReader, { architecture, name }: ModelFacts): boolean {
  const stated = flags.text("runner") ?? flags.text("task");
  if (stated !== null && stated !== "auto") return poolingTasks.test(stated);
  if (poolingTasks.test(flags.text("convert") ?? "")) return true;
  return headless.test(architecture) || /(?:^|[-_/])embed(?:ding)?(?:[-_]|$)/i.test(name);
}

const statefulKinds: readonly string[] = ["linear", "mamba2"];

function mambaMode(
  flags: FlagReader,
  profile: VllmProfile,
  cachesPrefixes: boolean,
): "none" | "align" | "all" {
  const stated = flags.text("mamba-cache-mode");
  if (stated === "none" || stated === "align" || stated === "all") return stated;
  return cachesPrefixes && profile.mambaPrefixes !== "never" ? "align" : "none";
}

/**
 * Resolves flags and defaults.
 * @throws PagodaError `plan_invalid` for a flag or value that vLLM would refuse.
 */
export function resolveVllmSettings(request: PlanRequest, profile: VllmProfile): VllmSettings {
  const flags = new FlagReader(vllmFlags, request.flags);
  const { length, fits } = maxModelLenOf(flags, request.model);
  const batch = batchOf(flags, request, profile, length.value);
  const isEager = isEagerStart(flags, request);
  const isHybrid = request.model.layers.some(({ mixer }) => statefulKinds.includes(mixer.kind));
  const isV1 = profile.runner === "v1";
  const cachesPrefixes =
    flags.switched("enable-prefix-caching") ??
    (isV1 && hasAttention(request.model) && (!isHybrid || profile.mambaPrefixes === "cached"));
  const isPooling = isPoolingStart(flags, request.model);
  const blockSize = flags.integer("block-size");
  const speculation = speculationOf(flags);
  const usesSecondRunner =
    profile.secondRunner === "all" || (profile.secondRunner === "dense" && isDense(request.model));
  return {
    flags,
    utilization: utilizationOf(flags, profile),
    maxModelLen: length,
    fitsLength: fits,
    maxBatchedTokens: batch.tokens,
    maxSeqs: batch.seqs,
    blockSize: blockSize === null ? null : setting(blockSize, "flag", "--block-size"),
    tensorParallel: positive(flags, "tensor-parallel-size", 1),
    pipelineParallel: positive(flags, "pipeline-parallel-size", 1),
    dataParallel: positive(flags, "data-parallel-size", 1),
    decodeContextParallel: positive(flags, "decode-context-parallel-size", 1),
    isExpertParallel: flags.switched("enable-expert-parallel") === true,
    isEager,
    cachesPrefixes,
    disablesHybrid: flags.switched("disable-hybrid-kv-cache-manager") === true || !isV1,
    isAsync:
      flags.switched("async-scheduling") ??
      (request.device.vendor !== "cpu" && profile.inFlightBatches === 2),
    usesSecondRunner,
    kvDtype: flags.text("kv-cache-dtype") ?? "auto",
    kvBytesStated: kvBytesOf(flags, profile),
    numBlocksOverride: flags.integer("num-gpu-blocks-override"),
    cpuOffloadBytes: (flags.number("cpu-offload-gb") ?? 0) * gib,
    swapBytes: (flags.number("swap-space") ?? 4) * gib,
    numSpeculativeTokens: speculativeTokens(speculation, request.model),
    speculation,
    extraWindowTokens: extraWindowTokens(speculation, request.model),
    skippedKvLayers: skippedLayers(flags),
    lora: loraSettings(flags),
    mambaCacheMode: mambaMode(flags, profile, cachesPrefixes),
    stateDtype: flags.text("mamba-ssm-cache-dtype"),
    captured: capturedSizes(flags, batch.seqs.value, {
      ...profile,
      capturesDecoding: profile.capturesDecoding && !isPooling,
    }),
    isPooling,
  };
}

/** Concurrent batches: tokens of each may be scheduled and not settled (VllmConfig.max_concurrent_batches). */
export function concurrentBatches(settings: VllmSettings): number {
  const { pipelineParallel: stages } = settings;
  if (!settings.isAsync) return stages;
  if (settings.usesSecondRunner) return stages + 1;
  return stages <= 1 ? 2 : stages;
}
