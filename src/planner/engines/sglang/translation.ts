/** @module SGLang's flags in the words that all engines share. */
import type { TranslationRules } from "../../rules/engine-rules.ts";
import { dtypeNames, inDigits, named, namedFormat, sameIn } from "../../rules/flag-equivalents.ts";

const readFormats: Readonly<Record<string, string>> = {
  auto: "auto",
  bf16: "auto",
  bfloat16: "auto",
  fp8_e4m3: "fp8",
  fp8_e5m2: "fp8_e5m2",
};
const writeFormats: Readonly<Record<string, string>> = {
  auto: "auto",
  fp8: "fp8_e4m3",
  fp8_e5m2: "fp8_e5m2",
  int8: "fp8_e4m3",
};
const weightFormats: Readonly<Record<string, string>> = {
  awq: "awq",
  gptq: "gptq",
  fp8: "fp8",
  "compressed-tensors": "compressed-tensors",
  mxfp4: "mxfp4",
};

export const sglangTranslation: TranslationRules = {
  equivalents: {
    length: { flag: "context-length", read: inDigits, write: inDigits },
    sequences: sameIn("max-running-requests"),
    tokens: { flag: "chunked-prefill-size", read: inDigits },
    blockSize: sameIn("page-size"),
    kvFormat: { flag: "kv-cache-dtype", read: named(readFormats), write: namedFormat(writeFormats) },
    weightFormat: { flag: "quantization", read: named(weightFormats), write: named(weightFormats) },
    dtype: { flag: "dtype", read: named(dtypeNames), write: named(dtypeNames) },
    ranks: sameIn("tensor-parallel-size"),
    dataParallel: sameIn("data-parallel-size"),
    eager: sameIn("disable-cuda-graph"),
    remoteCode: sameIn("trust-remote-code"),
    configOverrides: sameIn("json-model-override-args"),
    revision: sameIn("revision"),
    downloadFolder: sameIn("download-dir"),
    chatTemplate: sameIn("chat-template"),
    servedName: sameIn("served-model-name"),
    host: sameIn("host"),
    port: sameIn("port"),
    apiKey: sameIn("api-key"),
  },
  lacks: {
    "enable-prefix-caching":
      "SGLang keeps prefixes in its radix cache unless --disable-radix-cache is stated",
    "kv-cache-memory-bytes": "SGLang states a pool in tokens: --max-total-tokens",
  },
  own: {
    "disable-radix-cache": "other engines have a flag of their own for prefixes",
    "schedule-policy": "SGLang alone has these policies",
    "attention-backend": "other engines choose their kernel themselves",
  },
};
