/** @module vLLM's flags in the words that all engines share (lmdeploy-memory.md §10.2). */
import type { FlagValue } from "../../plan/flag.ts";
import type { Equivalent, TranslationRules } from "../../rules/engine-rules.ts";
import { dtypeNames, inDigits, named, namedFormat, sameIn } from "../../rules/flag-equivalents.ts";

const kvFormats: Readonly<Record<string, string>> = {
  auto: "auto",
  fp8: "fp8",
  fp8_e4m3: "fp8",
  fp8_e5m2: "fp8_e5m2",
  int8_per_token_head: "int8",
  int4_per_token_head: "int4",
  turboquant_4bit_nc: "turbo4",
};
const kvFlags: Readonly<Record<string, string>> = {
  auto: "auto",
  fp8: "fp8",
  fp8_e5m2: "fp8_e5m2",
  int8: "int8_per_token_head",
  int4: "int4_per_token_head",
  turbo4: "turboquant_4bit_nc",
};
const weightFormats = new Set(["awq", "gptq", "fp8", "compressed-tensors", "mxfp4"]);

/** `awq_marlin` is the kernel, awq the format. */
function weightFormat(value: FlagValue): Equivalent {
  const plain = typeof value === "string" ? value.replace(/_marlin(?:_24)?$/, "") : "";
  return { value: weightFormats.has(plain) ? plain : null };
}

export const vllmTranslation: TranslationRules = {
  equivalents: {
    length: {
      flag: "max-model-len",
      read: (value) => (value === "auto" || value === "-1" ? { value: null } : inDigits(value)),
    },
    sequences: sameIn("max-num-seqs"),
    tokens: { flag: "max-num-batched-tokens", read: inDigits },
    blockSize: sameIn("block-size"),
    kvFormat: { flag: "kv-cache-dtype", read: named(kvFormats), write: namedFormat(kvFlags) },
    weightFormat: { flag: "quantization", read: weightFormat },
    dtype: { flag: "dtype", read: named(dtypeNames), write: named(dtypeNames) },
    ranks: sameIn("tensor-parallel-size"),
    dataParallel: sameIn("data-parallel-size"),
    contextParallel: sameIn("decode-context-parallel-size"),
    prefixCaching: sameIn("enable-prefix-caching"),
    eager: sameIn("enforce-eager"),
    captureSizes: sameIn("cudagraph-capture-sizes"),
    languageModelOnly: sameIn("language-model-only"),
    expertBalancing: sameIn("enable-eplb"),
    remoteCode: sameIn("trust-remote-code"),
    noMetrics: sameIn("disable-log-stats"),
    configOverrides: sameIn("hf-overrides"),
    revision: sameIn("revision"),
    downloadFolder: sameIn("download-dir"),
    chatTemplate: sameIn("chat-template"),
    servedName: sameIn("served-model-name"),
    host: sameIn("host"),
    port: sameIn("port"),
    apiKey: sameIn("api-key"),
  },
  lacks: {
    "cache-chunk-size": "vLLM allocates its pool at once",
    "prefill-interval": "vLLM mixes prefill and decode in one step",
    ep: "vLLM has only the switch --enable-expert-parallel, over all ranks",
    communicator: "vLLM chooses by itself",
  },
  own: {
    "swap-space": "vLLM alone swaps preempted requests",
  },
};
