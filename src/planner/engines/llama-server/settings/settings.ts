/** @module What a llama-server start is told, and what it takes where nothing is said (`common/common.h`, `tools/server/server.cpp`). */

import { mib } from "../../../../core/byte-size.ts";
import { PagodaError } from "../../../../core/errors.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { type TensorType, tensorTypeFacts } from "../../../../core/tensor-type.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { FlagReader, setting } from "../../../plan/flags.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { roundUp } from "../../../quantity/bytes.ts";
import type { LlamaBuild } from "./builds.ts";
import { llamaServerFlags } from "./flag-table.ts";

export interface LlamaSettings {
  readonly flags: FlagReader;
  /** Tokens of the whole cache, all slots together, as asked for. */
  readonly contextTokens: Resolved<number>;
  readonly slots: Resolved<number>;
  readonly isUnified: boolean;
  /** The most tokens of one slot in a shared cache; null: as many as there are. */
  readonly slotTokens: number | null;
  readonly batchTokens: number;
  readonly microBatchTokens: Resolved<number>;
  readonly keyType: TensorType;
  readonly valueType: TensorType;
  readonly usesFlash: boolean;
  readonly keepsWholeWindows: boolean;
  /** Layers on the cards, the head counted as one; null: all that fit. */
  readonly cardLayers: number | null;
  /** Share of the layers for each card, in any unit. */
  readonly proportions: readonly number[];
  readonly keepsCacheOnCard: boolean;
  /** Layers whose experts stay with the processors. */
  readonly hostExpertLayers: number;
  readonly fits: boolean;
  /** Bytes that fitting leaves free on each card. */
  readonly marginBytes: number;
  readonly leastContext: number;
  readonly repacks: boolean;
  readonly maps: boolean;
  readonly cacheRamBytes: number;
  readonly isPooling: boolean;
}

const cacheTypes = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "IQ4_NL", "Q5_0", "Q5_1"] as const;

function cacheType(flags: FlagReader, name: string): TensorType {
  const stated = flags.text(name) ?? "f16";
  const type = cacheTypes.find((known) => known === stated.toUpperCase());
  if (type !== undefined) return type;
  throw new PagodaError("plan_invalid", `Unsupported cache type: ${stated}.`, {
    param: name,
    hint: `It takes ${cacheTypes.join(", ").toLowerCase()}.`,
  });
}

/** `-fa`, `-fa on`, `-fa off`, `-fa auto`. */
function flashOf(request: PlanRequest, build: LlamaBuild): boolean {
  const value = request.flags["flash-attn"];
  if (value === undefined) return build.offloadsByDefault;
  if (value === true) return true;
  const word = String(value).toLowerCase();
  if (["on", "1", "true", "enabled", "auto", "-1"].includes(word)) return true;
  if (["off", "0", "false", "disabled"].includes(word)) return false;
  throw new PagodaError("plan_invalid", `--flash-attn must be on, off or auto; got ${word}.`, {
    param: "flash-attn",
    hint: "Write --flash-attn on.",
  });
}

/** A number of layers, `all`, or `auto`. */
function cardLayersOf(flags: FlagReader, build: LlamaBuild): number | null {
  const stated = flags.text("gpu-layers");
  if (stated === null) return build.offloadsByDefault ? null : 0;
  if (/^(all|-2)$/i.test(stated)) return Number.MAX_SAFE_INTEGER;
  if (/^(auto|-1)$/i.test(stated)) return null;
  const count = Number(stated);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new PagodaError("plan_invalid", `--gpu-layers must be a number, all or auto; got ${stated}.`, {
    param: "gpu-layers",
    hint: "Write --gpu-layers 99 for all layers.",
  });
}

/** `3,1` or `3/1`; one card where nothing is said. */
function proportionsOf(flags: FlagReader): readonly number[] {
  const mode = flags.text("split-mode") ?? "layer";
  if (mode === "row" || mode === "tensor")
    throw new PagodaError(
      "plan_invalid",
      `--split-mode ${mode} divides single matrices, which is not planned here.`,
      {
        param: "split-mode",
        hint: "Plan --split-mode layer, which is the default.",
      },
    );
  const stated = flags.text("tensor-split");
  const devices = (flags.text("device") ?? "").split(",").filter((name) => name !== "" && name !== "none");
  if (stated === null || mode === "none")
    return mode === "none" ? [1] : Array<number>(Math.max(1, devices.length)).fill(1);
  const parts = stated.split(/[,/]/).map(Number);
  if (parts.every((part) => Number.isFinite(part) && part >= 0) && parts.some((part) => part > 0))
    return parts;
  throw new PagodaError("plan_invalid", `--tensor-split must be a list of proportions; got ${stated}.`, {
    param: "tensor-split",
    hint: "Write --tensor-split 3,1 for three quarters on the first card.",
  });
}

const cellStep = 256;

function atLeast(flags: FlagReader, name: string, least: number, fallback: number): number {
  const value = flags.integer(name) ?? fallback;
  if (value >= least) return value;
  throw new PagodaError("plan_invalid", `--${name} must be at least ${least}; got ${value}.`, {
    param: name,
    hint: `Write --${name} ${Math.max(least, fallback)}.`,
  });
}

interface Slots {
  readonly count: Resolved<number>;
  readonly isUnified: boolean;
}

function slotsOf(flags: FlagReader, build: LlamaBuild): Slots {
  const stated = flags.integer("parallel");
  const isAuto = stated === null || stated < 0;
  if (stated === 0)
    throw new PagodaError("plan_invalid", "--parallel must be at least 1; got 0.", {
      param: "parallel",
      hint: "Write --parallel 1 for one slot.",
    });
  const count = isAuto ? setting(build.defaultSlots, "default") : setting(stated, "flag");
  const unified = flags.switched("kv-unified");
  return { count, isUnified: unified ?? (isAuto && build.defaultSlots > 1) };
}

function contextOf(flags: FlagReader, model: ModelFacts, slots: Slots): Resolved<number> {
  const stated = flags.integer("ctx-size") ?? 0;
  if (stated > 0) return setting(stated, "flag");
  const perSlot = flags.integer("kv-unified-per-slot");
  if (perSlot !== null && !flags.has("ctx-size"))
    return setting(perSlot * slots.count.value, "flag", "slots × --kv-unified-per-slot");
  return setting(model.maxPositions, flags.has("ctx-size") ? "flag" : "default", "the model's own length");
}

/** @throws PagodaError `plan_invalid` for a value that llama-server refuses. */
export function resolveLlamaSettings(request: PlanRequest, build: LlamaBuild): LlamaSettings {
  const flags = new FlagReader(llamaServerFlags, request.flags);
  const slots = slotsOf(flags, build);
  const isPooling = flags.switched("embedding") === true || flags.switched("reranking") === true;
  const micro = atLeast(flags, "ubatch-size", 1, 512);
  const batch = isPooling ? micro : atLeast(flags, "batch-size", 1, 2048);
  const hasCpuExperts = flags.switched("cpu-moe") === true;
  const fitWord = flags.has("fit") ? String(request.flags.fit) : "on";
  const onProcessors = request.device.vendor === "cpu" || flags.text("device") === "none";
  return {
    flags,
    contextTokens: contextOf(flags, request.model, slots),
    slots: slots.count,
    isUnified: slots.isUnified,
    slotTokens: flags.integer("kv-unified-per-slot"),
    batchTokens: batch,
    microBatchTokens: setting(micro, flags.has("ubatch-size") ? "flag" : "default"),
    keyType: cacheType(flags, "cache-type-k"),
    valueType: cacheType(flags, "cache-type-v"),
    usesFlash: flashOf(request, build),
    keepsWholeWindows: flags.switched("swa-full") === true || !build.hasWindowCache,
    cardLayers: onProcessors ? 0 : cardLayersOf(flags, build),
    proportions: proportionsOf(flags),
    keepsCacheOnCard: flags.switched("kv-offload") !== false,
    hostExpertLayers: hasCpuExperts ? Number.MAX_SAFE_INTEGER : (flags.integer("n-cpu-moe") ?? 0),
    fits: build.fits && !/^(off|0|false)$/i.test(fitWord),
    marginBytes: Number((flags.text("fit-target") ?? "1024").split(",")[0]) * mib,
    leastContext: flags.integer("fit-ctx") ?? 4096,
    repacks: flags.switched("repack") !== false,
    maps: flags.switched("mmap") !== false && !/^(none|direct)/i.test(flags.text("load-mode") ?? ""),
    cacheRamBytes: Math.max(0, flags.integer("cache-ram") ?? 8192) * mib,
    isPooling,
  };
}

/** Cells of the cache of one stream: the tokens of one slot, or of all that share it. */
export interface CacheCells {
  readonly numStreams: number;
  readonly whole: number;
  /** Cells of layers with a window. */
  readonly windowed: number;
  /** Tokens of a micro-batch, cut to the cache. */
  readonly microBatchTokens: number;
}

/** Cells for a context of so many tokens (`llama_context::llama_context`, `llama_kv_cache_iswa`). */
export function cacheCells(
  settings: LlamaSettings,
  contextTokens: number,
  window: number | null,
): CacheCells {
  const { slots, isUnified, batchTokens } = settings;
  const batch = Math.min(contextTokens, batchTokens);
  const microBatchTokens = Math.min(batch, settings.microBatchTokens.value);
  const padded = roundUp(contextTokens, cellStep);
  const whole = isUnified ? padded : roundUp(Math.floor(padded / slots.value), cellStep);
  const seen = (window ?? 0) * (isUnified ? slots.value : 1) + microBatchTokens;
  const windowed = settings.keepsWholeWindows ? whole : roundUp(Math.min(whole, seen), cellStep);
  return {
    numStreams: isUnified ? 1 : slots.value,
    whole,
    windowed: window === null ? 0 : windowed,
    microBatchTokens,
  };
}

/** Bytes of one row of so many numbers. */
export function rowBytes(type: TensorType, width: number): number {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  return (width / weightsPerBlock) * bytesPerBlock;
}

export const isQuantizedType = (type: TensorType): boolean => tensorTypeFacts[type].weightsPerBlock > 1;
