/** @module Our flags in the words that all engines share. */
import type { TranslationRules } from "../../rules/engine-rules.ts";
import { named, namedFormat, sameIn } from "../../rules/flag-equivalents.ts";

const kvFormats: Readonly<Record<string, string>> = {
  auto: "auto",
  f16: "auto",
  fp16: "auto",
  float16: "auto",
  int8: "int8",
  int8_per_token_head: "int8",
  int4: "int4",
  int4_per_token_head: "int4",
};
/** Formats of eight and of four bits have one counterpart each. */
const kvFlags: Readonly<Record<string, string>> = {
  auto: "auto",
  fp8: "int8",
  fp8_e5m2: "int8",
  int8: "int8",
  int4: "int4",
  turbo4: "int4",
};

export const pagodaTranslation: TranslationRules = {
  equivalents: {
    length: {
      flag: "max-model-len",
      read: (value) => ({ value: value === "auto" || value === "-1" ? null : value }),
    },
    sequences: sameIn("max-num-seqs"),
    tokens: sameIn("max-num-batched-tokens"),
    blockSize: sameIn("block-size"),
    kvFormat: { flag: "kv-cache-dtype", read: named(kvFormats), write: namedFormat(kvFlags) },
    ranks: sameIn("tensor-parallel-size"),
    prefixCaching: sameIn("enable-prefix-caching"),
    servedName: sameIn("served-model-name"),
    host: sameIn("host"),
    port: sameIn("port"),
  },
  lacks: {
    "enforce-eager": "Pagoda has no graphs",
    quantization:
      "Pagoda reads the format in the checkpoint; its own --quantization quantizes while it loads",
    "model-format": "Pagoda reads the format in the checkpoint",
    "api-key": "Pagoda has no authentication: put a proxy in front",
    "api-keys": "Pagoda has no authentication: put a proxy in front",
    "trust-remote-code": "Pagoda runs no code of a checkpoint",
  },
  own: {
    threads: "Pagoda alone runs on worker threads",
    kernels: "Pagoda alone has these kernels",
    backend: "Pagoda alone has these backends",
    "max-step-ms": "Pagoda alone bounds the time of a step",
    "shutdown-grace-ms": "Pagoda's own server has this option",
    "any-model-name": "Pagoda's own server has this option",
  },
};
