/** @module LMDeploy's flags in the words that all engines share (lmdeploy-memory.md §10.2). */
import type { FlagValue } from "../../plan/flag.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Equivalent, FlagEquivalent, TranslationRules } from "../../rules/engine-rules.ts";
import { dtypeNames, named, sameBits, sameIn } from "../../rules/flag-equivalents.ts";
import { isPytorch } from "./plan/which-engine.ts";

const kvFormats: Readonly<Record<string, string>> = {
  "0": "auto",
  none: "auto",
  "4": "int4",
  int4: "int4",
  "8": "int8",
  int8: "int8",
  "16": "fp8",
  fp8: "fp8",
  "17": "fp8_e5m2",
  fp8_e5m2: "fp8_e5m2",
  "42": "turbo4",
  turbo_quant: "turbo4",
};
const policies: Readonly<Record<string, string>> = {
  auto: "none",
  int4: "int4",
  int8: "int8",
  fp8: "fp8",
  fp8_e5m2: "fp8_e5m2",
  turbo4: "turbo_quant",
};
const turbomindPolicies: readonly string[] = ["none", "int8", "int4"];

function kvPolicy(value: FlagValue, bare: Plan): Equivalent {
  const policy = typeof value === "string" ? policies[value] : undefined;
  if (policy === undefined) return { value: null };
  if (policy === "none") return { value: policy };
  if (isPytorch(bare) || turbomindPolicies.includes(policy)) return { value: policy, remark: sameBits };
  return { value: "int8", remark: "TurboMind has no fp8 KV; int8 has the same width" };
}

/** The kernels of TurboMind load tiles of this many tokens out of one block. */
const tileTokens = 64;

function blockLength(value: FlagValue, bare: Plan): Equivalent {
  const tokens = Number(value);
  if (!Number.isInteger(tokens)) return { value: null };
  const rounded = isPytorch(bare) ? tokens : Math.ceil(tokens / tileTokens) * tileTokens;
  if (rounded === tokens) return { value };
  return {
    value: String(rounded),
    remark: `${tokens} rounded up to the multiple of ${tileTokens} that its kernels load`,
  };
}

/** A flag that only one of LMDeploy's two engines has. */
function onlyIn(engine: "pytorch" | "turbomind", flag: string): FlagEquivalent {
  const keep = (value: FlagValue, plan: Plan): Equivalent => ({
    value: isPytorch(plan) === (engine === "pytorch") ? value : null,
  });
  return { flag, read: keep, write: keep };
}

export const lmdeployTranslation: TranslationRules = {
  equivalents: {
    length: sameIn("session-len"),
    sequences: sameIn("max-batch-size"),
    tokens: {
      flag: "max-prefill-token-num",
      write: (value) => ({
        value,
        remark: "LMDeploy adds one token for each sequence of the batch on top",
      }),
    },
    blockSize: { flag: "cache-block-seq-len", write: blockLength },
    kvFormat: { flag: "quant-policy", read: named(kvFormats), write: kvPolicy },
    weightFormat: { flag: "model-format", read: (value) => ({ value: value === "hf" ? null : value }) },
    dtype: { flag: "dtype", read: named(dtypeNames), write: named(dtypeNames) },
    ranks: sameIn("tp"),
    dataParallel: sameIn("dp"),
    contextParallel: onlyIn("turbomind", "cp"),
    prefixCaching: sameIn("enable-prefix-caching"),
    eager: onlyIn("pytorch", "eager-mode"),
    captureSizes: onlyIn("pytorch", "cudagraph-capture-batch-sizes"),
    languageModelOnly: sameIn("language-model-only"),
    expertBalancing: onlyIn("pytorch", "enable-eplb"),
    remoteCode: sameIn("trust-remote-code"),
    noMetrics: sameIn("disable-metrics"),
    configOverrides: sameIn("hf-overrides"),
    revision: sameIn("revision"),
    downloadFolder: sameIn("download-dir"),
    chatTemplate: sameIn("chat-template"),
    servedName: sameIn("model-name"),
    host: sameIn("server-name"),
    port: sameIn("server-port"),
    apiKey: sameIn("api-keys"),
  },
  lacks: {
    "enable-chunked-prefill": "LMDeploy always prefills in chunks",
    "pipeline-parallel-size": "LMDeploy has no pipeline stages: use --tp",
    "swap-space": "LMDeploy recomputes preempted requests and swaps nothing",
    "cpu-offload-gb": "LMDeploy keeps all weights on the device",
    "kv-offloading-size": "LMDeploy has no second tier of KV",
    "enable-expert-parallel": "state LMDeploy's --ep with the number of ranks",
    "speculative-config": "LMDeploy's PyTorch engine has --speculative-algorithm and its like",
    "enforce-eager": "TurboMind captures no CUDA graphs",
    "max-model-len": "LMDeploy lowers no length by itself, so auto has no equivalent",
  },
  own: {
    backend: "it chooses between LMDeploy's own engines",
    "num-tokens-per-iter": "it has had no effect in LMDeploy since 0.12",
    "max-prefill-iters": "it has had no effect in LMDeploy since 0.12",
  },
};
