/** @module The flags of SGLang's server that decide memory, and those that a command often has besides (`server_args.py`). */
import type { FlagSpec } from "../../../plan/flag.ts";

const ofMemory: readonly FlagSpec[] = [
  { name: "mem-fraction-static", kind: "number" },
  { name: "max-total-tokens", kind: "integer" },
  { name: "max-running-requests", kind: "integer" },
  { name: "context-length", kind: "integer" },
  { name: "chunked-prefill-size", kind: "integer" },
  { name: "max-prefill-tokens", kind: "integer" },
  { name: "page-size", kind: "integer" },
  { name: "kv-cache-dtype", kind: "text" },
  { name: "dtype", kind: "text" },
  { name: "quantization", kind: "text" },
  { name: "tensor-parallel-size", aliases: ["tp", "tp-size"], kind: "integer" },
  { name: "pipeline-parallel-size", aliases: ["pp", "pp-size"], kind: "integer" },
  { name: "data-parallel-size", aliases: ["dp", "dp-size"], kind: "integer" },
  { name: "expert-parallel-size", aliases: ["ep", "ep-size"], kind: "integer" },
  { name: "enable-dp-attention", kind: "switch" },
  { name: "disable-radix-cache", kind: "switch" },
  { name: "disable-cuda-graph", kind: "switch" },
  { name: "disable-piecewise-cuda-graph", kind: "switch" },
  { name: "cuda-graph-max-bs", aliases: ["cuda-graph-max-bs-decode"], kind: "integer" },
  { name: "cuda-graph-bs", aliases: ["cuda-graph-bs-decode"], kind: "list" },
  { name: "swa-full-tokens-ratio", kind: "number" },
  { name: "disable-hybrid-swa-memory", kind: "switch" },
  { name: "mamba-full-memory-ratio", kind: "number" },
  { name: "max-mamba-cache-size", kind: "integer" },
  { name: "mamba-ssm-dtype", kind: "text" },
  { name: "cpu-offload-gb", kind: "number" },
  { name: "speculative-algorithm", kind: "text" },
];

/** They take memory that a plan cannot count: it says so. */
export const uncountedFlags: Readonly<Record<string, string>> = {
  "speculative-draft-model-path": "the draft model of --speculative-draft-model-path",
  "lora-paths": "the adapters of --lora-paths",
  "enable-lora": "the slots of --enable-lora",
  "enable-hierarchical-cache": "the host memory of --enable-hierarchical-cache",
  "enable-memory-saver": "what --enable-memory-saver keeps",
  "kt-weight-path": "which experts --kt-weight-path keeps with the processors",
};

const uncounted: readonly FlagSpec[] = [
  { name: "speculative-draft-model-path", aliases: ["speculative-draft-model"], kind: "text" },
  { name: "lora-paths", kind: "list" },
  { name: "enable-lora", kind: "switch" },
  { name: "enable-hierarchical-cache", kind: "switch" },
  { name: "enable-memory-saver", kind: "switch" },
  { name: "kt-weight-path", kind: "text" },
];

const others: readonly FlagSpec[] = [
  { name: "model-path", aliases: ["model"], kind: "text" },
  { name: "tokenizer-path", kind: "text" },
  { name: "served-model-name", kind: "text" },
  { name: "chat-template", kind: "text" },
  { name: "trust-remote-code", kind: "switch" },
  { name: "revision", kind: "text" },
  { name: "host", kind: "text" },
  { name: "port", kind: "integer" },
  { name: "api-key", kind: "text" },
  { name: "download-dir", kind: "text" },
  { name: "load-format", kind: "text" },
  { name: "json-model-override-args", kind: "text" },
  { name: "attention-backend", kind: "text" },
  { name: "sampling-backend", kind: "text" },
  { name: "tool-call-parser", kind: "text" },
  { name: "reasoning-parser", kind: "text" },
  { name: "enable-metrics", kind: "switch" },
  { name: "enable-p2p-check", kind: "switch" },
  { name: "enable-torch-compile", kind: "switch" },
  { name: "enable-mixed-chunk", kind: "switch" },
  { name: "schedule-policy", kind: "text" },
  { name: "schedule-conservativeness", kind: "number" },
  { name: "disable-overlap-schedule", kind: "switch" },
  { name: "disable-custom-all-reduce", kind: "switch" },
  { name: "speculative-num-steps", kind: "integer" },
  { name: "speculative-eagle-topk", kind: "integer" },
  { name: "speculative-num-draft-tokens", kind: "integer" },
  { name: "dist-init-addr", kind: "text" },
  { name: "nnodes", kind: "integer" },
  { name: "node-rank", kind: "integer" },
  { name: "random-seed", kind: "integer" },
  { name: "log-level", kind: "text" },
  { name: "is-embedding", kind: "switch" },
];

export const sglangFlags: readonly FlagSpec[] = [...ofMemory, ...uncounted, ...others];
