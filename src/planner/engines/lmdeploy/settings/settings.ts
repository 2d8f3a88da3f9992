/** @module The settings of an LMDeploy start after its own defaults (lmdeploy-memory.md §3). */
import { PagodaError } from "../../../../core/errors.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import type { Device } from "../../../device/device.ts";
import type { Mixer, ModelFacts } from "../../../model/facts.ts";
import { FlagReader, setting } from "../../../plan/flags.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { ceilDiv, roundUp } from "../../../quantity/bytes.ts";
import { lmdeployFlags } from "./flag-table.ts";

export type LmdeployRule = "turbomindSlab" | "turbomindLegacy" | "pytorch";
/** Bits of one KV number by quantization policy; fp8 has no scales. */
export type QuantPolicy = 0 | 4 | 8 | 16 | 17 | 42;

export interface LmdeploySettings {
  readonly flags: FlagReader;
  readonly rule: LmdeployRule;
  /** Minor version; the major is 0 so far. */
  readonly minor: number;
  readonly share: Resolved<number>;
  readonly blockSize: Resolved<number>;
  readonly kernelBlockSize: number;
  readonly sessionLen: Resolved<number>;
  readonly maxBatchSize: Resolved<number>;
  readonly maxPrefillTokens: Resolved<number>;
  readonly quantPolicy: QuantPolicy;
  readonly tensorParallel: number;
  readonly contextParallel: number;
  readonly expertParallel: number;
  readonly dataParallel: number;
  readonly numBlocksStated: number | null;
  readonly cachesPrefixes: boolean;
  readonly isEager: boolean;
  /** Tokens of one forward pass of TurboMind: prefill and one per sequence, rounded to the ranks. */
  readonly maxForwardTokens: number;
  readonly numPhases: 1 | 2;
}

/** Default batch size by a substring of the GPU's name, surprises included ("RTX A1000" holds "a100"). */
function defaultBatchSize(device: Device, minor: number): number {
  const name = device.name.toLowerCase();
  if (device.vendor === "ascend") return 256;
  if (minor < 6) return 128;
  if (minor < 10) return /a100|a800|h100|h800/.test(name) ? 256 : 128;
  if (/a100|a800/.test(name)) return 384;
  return /h100|h800|l20y|h200/.test(name) ? 1024 : 128;
}

function defaultPrefill(rule: LmdeployRule, minor: number): number {
  if (rule !== "pytorch") return 8192;
  if (minor >= 13) return 8192;
  return minor >= 3 ? 4096 : 16384;
}

const policyNames: Readonly<Record<string, QuantPolicy>> = {
  none: 0,
  "0": 0,
  int4: 4,
  "4": 4,
  int8: 8,
  "8": 8,
  fp8: 16,
  "16": 16,
  fp8_e5m2: 17,
  "17": 17,
  turbo_quant: 42,
  "42": 42,
};

function quantPolicyOf(flags: FlagReader, rule: LmdeployRule): QuantPolicy {
  const text = flags.text("quant-policy") ?? "0";
  const policy = policyNames[text.toLowerCase()];
  if (policy === undefined)
    throw new PagodaError("plan_invalid", `--quant-policy is "${text}".`, {
      param: "quant-policy",
      hint: `It takes ${Object.keys(policyNames)
        .filter((name) => Number.isNaN(Number(name)))
        .join(", ")}.`,
    });
  if (rule !== "pytorch" && policy > 8)
    throw new PagodaError("plan_invalid", `TurboMind has no quant policy ${text}.`, {
      param: "quant-policy",
      hint: "Use int8 or int4, or --backend pytorch.",
    });
  return policy;
}

function ruleOf(flags: FlagReader, minor: number, model: ModelFacts): LmdeployRule {
  const backend = flags.text("backend") ?? (turbomindServes(model) ? "turbomind" : "pytorch");
  if (backend === "pytorch") return "pytorch";
  if (backend !== "turbomind")
    throw new PagodaError("plan_invalid", `--backend is "${backend}".`, {
      param: "backend",
      hint: "It takes turbomind or pytorch.",
    });
  return minor >= 15 ? "turbomindSlab" : "turbomindLegacy";
}

/** TurboMind's own model list is short; what it lacks falls back to the PyTorch engine by itself. */
function turbomindServes(model: ModelFacts): boolean {
  const method = model.quantization?.method;
  if (method === "bitsandbytes" || method === "gguf" || method === "aqlm" || method === "nvfp4") return false;
  return !/^(Gemma|Phi|OPT|GPT2|GPTNeoX|Falcon|Bloom|Mamba|NemotronH|Cohere|StableLm|Starcoder)/.test(
    model.architecture,
  );
}

function minorOf(version: string): number {
  const match = /0\.(\d+)/.exec(version);
  if (match === null)
    throw new PagodaError("plan_invalid", `"${version}" is not a version of LMDeploy.`, {
      param: "engine",
      hint: "Write lmdeploy@0.18.",
    });
  return Number(match[1]);
}

function atLeastOne(flags: FlagReader, name: string, fallback: number): number {
  const value = flags.integer(name) ?? fallback;
  if (value >= 1) return value;
  throw new PagodaError("plan_invalid", `--${name} is ${value}.`, {
    param: name,
    hint: "It must be at least 1.",
  });
}

/** The range checks of each rule, in its own words (lmdeploy-memory.md §1.5). */
function checkShare(share: number, rule: LmdeployRule): void {
  if (rule === "pytorch" && !(share > 0 && share < 1))
    throw new PagodaError("plan_invalid", "AssertionError: invalid cache_max_entry_count", {
      param: "cache-max-entry-count",
      hint: `It is ${share}; the PyTorch engine takes a share between 0 and 1. For an absolute size use --num-gpu-blocks.`,
    });
  if (share <= 0)
    throw new PagodaError("plan_invalid", "object-cache path expects 0 < cache_max_block_count < 1", {
      param: "cache-max-entry-count",
      hint: `It is ${share}; use a share of the free memory, such as 0.8.`,
    });
  if (rule === "turbomindSlab" && share >= 1)
    throw new PagodaError(
      "plan_invalid",
      "object-cache path no longer accepts cache_max_block_count as a block count",
      {
        param: "cache-max-entry-count",
        hint: `It is ${share}; since 0.15 it is a share below 1.`,
      },
    );
}

const wideKey = 512;
const mostTokensOfWideKeys = 32;

/**
 * The PyTorch engine's own changes to the block (`_adjust_block_size`): flash-MLA, on Hopper, takes 64 and nothing else;
 * other kernels take keys of 512 and wider in blocks of at most 32.
 */
function blockLength({ model, device }: PlanRequest, rule: LmdeployRule, stated: number): number {
  const width = (mixer: Mixer): number =>
    mixer.kind === "latent"
      ? mixer.kvRank + mixer.ropeHeadDim
      : mixer.kind === "attention"
        ? mixer.headDim
        : 0;
  const widths = model.layers.map(({ mixer }) => width(mixer));
  if (rule !== "pytorch") return stated;
  const isLatent = model.layers.some(({ mixer }) => mixer.kind === "latent");
  if (isLatent && device.computeCapability === 9) {
    if (stated === 64) return stated;
    throw new PagodaError("plan_invalid", "ValueError: Please set block_size to 64 for flash_mla.", {
      param: "cache-block-seq-len",
      hint: `It is ${stated}; use --cache-block-seq-len 64.`,
    });
  }
  return Math.max(...widths) >= wideKey ? Math.min(stated, mostTokensOfWideKeys) : stated;
}

export const newestLmdeploy = "0.18.0";

/**
 * Resolves flags and defaults.
 * @throws PagodaError `plan_invalid` in LMDeploy's words where it would refuse.
 */
export function resolveLmdeploySettings(request: PlanRequest): LmdeploySettings {
  const flags = new FlagReader(lmdeployFlags, request.flags);
  const minor = minorOf(request.version ?? newestLmdeploy);
  const rule = ruleOf(flags, minor, request.model);
  const share = flags.number("cache-max-entry-count");
  checkShare(share ?? 0.8, rule);
  const from = (name: string): "flag" | "default" => (flags.has(name) ? "flag" : "default");
  const maxBatchSize = atLeastOne(flags, "max-batch-size", defaultBatchSize(request.device, minor));
  const maxPrefill = atLeastOne(flags, "max-prefill-token-num", defaultPrefill(rule, minor));
  const blockSize = blockLength(request, rule, atLeastOne(flags, "cache-block-seq-len", 64));
  const tensorParallel = atLeastOne(flags, "tp", 1);
  const contextParallel = atLeastOne(flags, "cp", 1);
  const stated = flags.integer("num-gpu-blocks");
  return {
    flags,
    rule,
    minor,
    share: setting(share ?? 0.8, from("cache-max-entry-count")),
    blockSize: setting(blockSize, from("cache-block-seq-len")),
    kernelBlockSize: kernelBlock(flags, blockSize),
    sessionLen: setting(
      flags.integer("session-len") ?? request.model.maxPositions,
      flags.has("session-len") ? "flag" : "derived",
    ),
    maxBatchSize: setting(maxBatchSize, from("max-batch-size")),
    maxPrefillTokens: setting(maxPrefill, from("max-prefill-token-num")),
    quantPolicy: quantPolicyOf(flags, rule),
    tensorParallel,
    contextParallel,
    expertParallel: atLeastOne(flags, "ep", 1),
    dataParallel: atLeastOne(flags, "dp", 1),
    numBlocksStated: stated === 0 ? null : stated,
    cachesPrefixes: flags.switched("enable-prefix-caching") === true,
    isEager: flags.switched("eager-mode") === true || rule !== "pytorch",
    maxForwardTokens: roundUp(maxPrefill + maxBatchSize, tensorParallel * contextParallel),
    numPhases: flags.integer("async") === 0 ? 1 : 2,
  };
}

/** Kernel blocks of the PyTorch engine: a power of two from 16 that divides the block. */
function kernelBlock(flags: FlagReader, blockSize: number): number {
  const stated = flags.integer("kernel-block-size") ?? -1;
  if (stated === -1) return blockSize;
  const isPower = stated >= 16 && (stated & (stated - 1)) === 0;
  if (isPower && blockSize >= stated && blockSize % stated === 0) return stated;
  throw new PagodaError("plan_invalid", `--kernel-block-size is ${stated} with blocks of ${blockSize}.`, {
    param: "kernel-block-size",
    hint: `It must be a power of two from 16 up that divides the block; use --cache-block-seq-len ${ceilDiv(blockSize, Math.max(16, stated)) * Math.max(16, stated)}.`,
  });
}
