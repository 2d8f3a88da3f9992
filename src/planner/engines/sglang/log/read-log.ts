/** @module What an SGLang log states: free memory before and after the weights, the pool, and the arguments it prints. */
import {
  type Collected,
  collectFacts,
  emptyFacts,
  factsOf,
  type LinePattern,
} from "../../../log/collect-facts.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { readOutOfMemory } from "../../../log/out-of-memory.ts";
import { readPastedCommands } from "../../../log/pasted-command.ts";
import { pythonValues } from "../../../log/python-values.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import { measured, type Quantity } from "../../../quantity/quantity.ts";
import { sglangFlags } from "../settings/flag-table.ts";

const patterns: readonly LinePattern[] = [
  {
    pattern: /\bsglang(?:==|[ :]+(?:version[ :=]*)?v?)(?<version>0\.\d+\.\d+[\w.]*)/i,
    texts: { version: "version" },
  },
  {
    pattern: /(?:Found local HF snapshot for|Tokenizer for) (?<model>[\w.-]+\/[\w.-]+)/,
    texts: { model: "model" },
  },
  { pattern: /lmsysorg\/sglang:v(?<version>0\.\d+\.\d+)/, texts: { version: "version" } },
  { pattern: /device_name=(?<gpu>NVIDIA_[\w-]+)\.json/, texts: { gpu: "gpu" } },
  {
    pattern: /(?<gpu>NVIDIA (?:GeForce|RTX|TITAN|Tesla|[ABHLTV]\d|GB?H?\d)[\w-]*(?: [\w-]+)*)/,
    texts: { gpu: "gpu" },
  },
  { pattern: /Load weight begin\. avail mem=(?<free>[\d.]+) (?<unit>GB)/, figures: { free: "freeAtStart" } },
  {
    pattern: /Load weight end\..*avail mem=(?<free>[\d.]+) (?<unit>GB), mem usage=(?<weights>[\d.]+) GB/,
    figures: { free: "free", weights: "weights" },
  },
  { pattern: /Load weight end\..*avail mem=(?<free>[\d.]+) (?<unit>GB)$/, figures: { free: "free" } },
  { pattern: /max_total_num_tokens=(?<tokens>\d+)/, counts: { tokens: "numTokens" }, isStarted: true },
  { pattern: /KV Cache is allocated\..*#tokens: (?<tokens>\d+)/, counts: { tokens: "numTokens" } },
  { pattern: /KV Cache is allocated\..*KV size: (?<kv>[\d.]+) (?<unit>GB)/, figures: { kv: "availableKv" } },
  {
    pattern: /Capture (?:\w+ )*cuda graph end\..*mem usage=(?<graphs>[\d.]+) (?<unit>GB)/i,
    figures: { graphs: "capturedGraphs" },
  },
  {
    pattern: /context_len=(?<length>\d+)/,
    flags: { length: "context-length" },
    counts: { length: "maxModelLen" },
  },
  { pattern: /chunked_prefill_size=(?<tokens>\d+)/, flags: { tokens: "chunked-prefill-size" } },
  { pattern: /The server is fired up and ready to roll|Application startup complete/, isStarted: true },
  { pattern: /Not enought? memory\. Please try to increase --mem-fraction-static/, failure: "noKvMemory" },
  { pattern: /leave no GPU memory for the KV cache/, failure: "noKvMemory" },
  { pattern: /Capture cuda graph failed/, failure: "graphCapture" },
];

/** Fields of the printed arguments that decide memory, under their flags. */
const argumentFlags: Readonly<Record<string, string>> = {
  mem_fraction_static: "mem-fraction-static",
  context_length: "context-length",
  max_total_tokens: "max-total-tokens",
  max_running_requests: "max-running-requests",
  chunked_prefill_size: "chunked-prefill-size",
  page_size: "page-size",
  kv_cache_dtype: "kv-cache-dtype",
  quantization: "quantization",
  tp_size: "tensor-parallel-size",
  pp_size: "pipeline-parallel-size",
  dp_size: "data-parallel-size",
  ep_size: "expert-parallel-size",
  cuda_graph_max_bs: "cuda-graph-max-bs",
  enable_dp_attention: "enable-dp-attention",
  disable_radix_cache: "disable-radix-cache",
  disable_cuda_graph: "disable-cuda-graph",
  max_mamba_cache_size: "max-mamba-cache-size",
  cpu_offload_gb: "cpu-offload-gb",
};
const unset = new Set(["None", "auto", "False", "", "0"]);

function readArguments(facts: Collected, lines: readonly string[]): void {
  for (const line of lines) {
    const body = /server_args=ServerArgs\((.*)/.exec(line)?.[1];
    if (body === undefined) continue;
    const values = pythonValues(body);
    for (const [field, flag] of Object.entries(argumentFlags)) {
      const value = values[field];
      if (typeof value !== "string" || unset.has(value)) continue;
      facts.flags[flag] ??= value === "True" ? true : value;
    }
    for (const field of ["model_path", "served_model_name"]) {
      const name = values[field];
      if (typeof name === "string" && !unset.has(name) && !facts.modelNames.includes(name))
        facts.modelNames.push(name);
    }
  }
}

/** `K size: 1.42 GB, V size: 1.42 GB` of the tightest rank, and the states beside it: one pool for both. */
function readPool(facts: Collected, lines: readonly string[]): void {
  const gib = 2 ** 30;
  const sizes = lines.flatMap((line) => {
    const [, keys, values] = /K size: ([\d.]+) GB, V size: ([\d.]+) GB/.exec(line) ?? [];
    return keys === undefined ? [] : [Number(keys) + Number(values)];
  });
  const states = lines
    .map((line) => /conv_state size: ([\d.]+) ?GB, ssm_state size: ([\d.]+) ?GB/.exec(line))
    .find((found) => found !== null);
  const stateGib = Number(states?.[1] ?? 0) + Number(states?.[2] ?? 0);
  if (sizes.length === 0) return;
  const why = stateGib > 0 ? "the log states it, with the recurrent states" : "the log states it";
  facts.figures.availableKv ??= measured((Math.min(...sizes) + stateGib) * gib, why, 0.01 * gib);
}

function difference(from: Quantity | undefined, to: Quantity | undefined): Quantity | null {
  if (from === undefined || to === undefined) return null;
  const bytes = from.expectedBytes - to.expectedBytes;
  return bytes <= 0 ? null : measured(bytes, "free before the weights less free after them", 0.01 * 2 ** 30);
}

/** The step at which memory ran out, by what had been printed. */
function phase(lines: readonly string[], at: number): FailureKind {
  const before = lines.slice(0, at).join("\n");
  if (/ready to roll|Uvicorn running/.test(before)) return "serving";
  if (/Capture .*cuda graph begin/i.test(before)) return "graphCapture";
  if (/KV Cache is allocated|Memory pool end/.test(before)) return "activations";
  return /Load weight end/.test(before) ? "kvAllocation" : "weights";
}

const startWords = /(?:sglang\.launch_server|\bsglang serve)\s+/;

export function readSglangLog(lines: readonly string[]): LogFacts {
  const facts = emptyFacts();
  readPastedCommands(facts, lines, startWords, sglangFlags);
  readArguments(facts, lines);
  collectFacts(facts, lines, patterns);
  readPool(facts, lines);
  const weights = difference(facts.figures.freeAtStart, facts.figures.free);
  if (weights !== null) facts.figures.weights ??= weights;
  readOutOfMemory(facts, lines);
  const at = lines.findIndex((line) => /CUDA out of memory|OutOfMemoryError/.test(line));
  const [first] = facts.failures;
  if (at >= 0 && first !== undefined && first.kind !== "noKvMemory" && first.kind !== "graphCapture")
    facts.failures[0] = { ...first, kind: phase(lines, at) };
  return factsOf("sglang", facts, facts.hasStarted && facts.failures.length === 0);
}
