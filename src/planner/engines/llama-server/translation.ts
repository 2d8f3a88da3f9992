/** @module The flags of llama-server in the words that all engines share. */
import type { TranslationRules } from "../../rules/engine-rules.ts";
import { inDigits, named, namedFormat, sameIn } from "../../rules/flag-equivalents.ts";

const readFormats: Readonly<Record<string, string>> = {
  f16: "auto",
  bf16: "auto",
  q8_0: "int8",
  q4_0: "int4",
  q4_1: "int4",
  iq4_nl: "int4",
};
const writeFormats: Readonly<Record<string, string>> = {
  auto: "f16",
  fp8: "q8_0",
  fp8_e4m3: "q8_0",
  fp8_e5m2: "q8_0",
  int8: "q8_0",
  int4: "q4_0",
};

export const llamaServerTranslation: TranslationRules = {
  equivalents: {
    length: { flag: "kv-unified-per-slot", write: inDigits },
    sequences: { flag: "parallel", write: inDigits },
    tokens: { flag: "ubatch-size", write: inDigits },
    kvFormat: { flag: "cache-type-k", read: named(readFormats), write: namedFormat(writeFormats) },
    prefixCaching: sameIn("cache-prompt"),
    servedName: sameIn("alias"),
    chatTemplate: sameIn("chat-template-file"),
    host: sameIn("host"),
    port: sameIn("port"),
    apiKey: sameIn("api-key"),
  },
  lacks: {
    "gpu-memory-utilization": "llama-server allocates what its context asks for, and no share of the card",
    "cache-max-entry-count": "llama-server allocates what its context asks for, and no share of the card",
    "tensor-parallel-size":
      "llama-server deals layers out to the cards (--tensor-split); it does not divide them",
    tp: "llama-server deals layers out to the cards (--tensor-split); it does not divide them",
    quantization: "the encoding is that of the GGUF file",
    "enforce-eager": "llama-server captures graphs of its own accord, in a few MiB",
    "block-size": "the cache has cells of one token",
  },
  own: {
    "cache-type-v": "other engines have one format for keys and values",
    "gpu-layers": "other engines keep all layers on the card",
    "tensor-split": "other engines divide matrices over the cards",
    "flash-attn": "other engines choose their kernel themselves",
    threads: "other engines run on cards",
    mlock: "other engines do not map the file",
    "n-cpu-moe": "other engines keep the experts on the card",
    "cpu-moe": "other engines keep the experts on the card",
  },
};
