/** @module The rules of vLLM. */
import type { EngineRules } from "../../rules/engine-rules.ts";
import { percentages, stepsOf } from "../../rules/step-values.ts";
import { vllmCopies } from "./copies.ts";
import { planVllm } from "./plan/plan.ts";
import { vllmRemedies } from "./remedies.ts";
import { vllmFlags } from "./settings/flag-table.ts";
import { newestVllm } from "./settings/versions.ts";
import { vllmTranslation } from "./translation.ts";

export const vllmRules: EngineRules = {
  id: "vllm",
  title: "vLLM",
  newestVersion: newestVllm,
  runsOn: "cards",
  flags: vllmFlags,
  command: {
    starts: [["vllm", "serve"], ["vllm.entrypoints.openai.api_server"], ["vllm.entrypoints.api_server"]],
    images: [/(^|\/)vllm-openai(-[\w-]+)?(:|@|$)/, /(^|\/)vllm(-cpu|-rocm)?(-env)?(-release-repo)?:[\w.-]+$/],
    example: "vllm serve MODEL --max-model-len 8192",
  },
  roles: {
    length: "max-model-len",
    sequences: "max-num-seqs",
    tokens: "max-num-batched-tokens",
    ranks: "tensor-parallel-size",
    share: "gpu-memory-utilization",
    kvFormat: "kv-cache-dtype",
    blockSize: "block-size",
    prefixCaching: "enable-prefix-caching",
  },
  pool: {
    mostShare: 1,
    flags: ["gpu-memory-utilization", "kv-cache-memory-bytes", "num-gpu-blocks-override"],
    absoluteFlags: ["kv-cache-memory-bytes", "num-gpu-blocks-override"],
    cutsShareToBlocks: false,
    absolute: (bytes) => ({ "kv-cache-memory-bytes": String(Math.round(bytes)) }),
  },
  copies: vllmCopies,
  translation: vllmTranslation,
  plan: planVllm,
  remedies: vllmRemedies,
  searched: (isWide) => [
    stepsOf("kv-cache-dtype", ["fp8"]),
    isWide ? stepsOf("block-size", [32, 64]) : [],
    stepsOf("max-num-seqs", isWide ? [512, 256, 128, 64, 32, 16] : [128, 64]),
    isWide ? stepsOf("max-num-batched-tokens", [8192, 4096, 2048, 1024]) : [],
    stepsOf("gpu-memory-utilization", isWide ? percentages(30, 97) : ["0.94", "0.96"]),
  ],
};
