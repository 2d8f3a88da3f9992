/** @module The lines of vLLM's start-up in all their wordings, V0 and V1 (vllm-memory.md §1.2, §1.3, §2.4, §2.5, §3.7, §3.8). */
import type { LinePattern } from "../../../log/collect-facts.ts";

const identity: readonly LinePattern[] = [
  {
    pattern: /Initializing a V1 LLM engine \(v(?<version>[\w.+-]+?)\) with config/,
    texts: { version: "version" },
    runner: "V1",
  },
  {
    pattern: /Initializing (?:an|a V0) LLM engine(?: \(v(?<version>[\w.+-]+?)\))? with config/,
    texts: { version: "version" },
    runner: "V0",
  },
  { pattern: /vLLM API server version (?<version>\d[\w.+-]*)/, texts: { version: "version" } },
  { pattern: /\bvLLM version:? v?(?<version>\d[\w.+-]*)/i, texts: { version: "version" } },
  { pattern: /\bversion\s+(?<version>0\.\d+\.\d+[\w.+]*)\s*$/, texts: { version: "version" } },
  {
    pattern: /(?:Loading|loading) (?:weights for|model) (?<model>[\w.-]+\/[\w.-]+)/,
    texts: { model: "model" },
  },
  {
    pattern: /Starting to load model (?<model>\S+?)(?:\.\.\.|…|$)/,
    texts: { model: "model" },
  },
  // Names of cards only: drivers and nvidia-smi write the maker's name elsewhere too.
  {
    pattern:
      /(?<gpu>NVIDIA (?:GeForce|RTX|TITAN|Tesla|Quadro|[ABHLTVP]\d|GB?H?\d)[\w-]*(?: [\w-]+)*|AMD (?:Instinct|Radeon) [\w-]+(?: [\w-]+)*|Intel\(R\) Arc\(TM\) [\w-]+(?: [\w-]+)*)/,
    texts: { gpu: "gpu" },
  },
  // Kernels that miss a tuned configuration name the card: device_name=AMD_Radeon_R9700,dtype=…
  { pattern: /device_name=(?<gpu>[\w-]+?)(?:,|\.json)/, texts: { gpu: "gpu" } },
  { pattern: /torch\.cuda\.get_device_name.*?['"](?<gpu>[^'"]+)['"]/, texts: { gpu: "gpu" } },
];

const loading: readonly LinePattern[] = [
  {
    pattern:
      /(?:Model loading|Loading model weights|Loading model) took (?<weights>[\d.]+) ?(?<unit>GiB|GB|MiB)?(?: memory)?/,
    figures: { weights: "weights" },
  },
];

/** The two V0 summaries: 0.6.0 to 0.6.3 in pairs name=value, 0.6.4 to 0.8 in a sentence. */
const v0Profile: readonly LinePattern[] = [
  {
    pattern:
      /total_gpu_memory ?\((?<total>[\d.]+)GiB\) x gpu_memory_utilization ?\((?<share>[\d.]+)\) = (?<requested>[\d.]+)GiB/,
    figures: { total: "total", requested: "requested" },
    flags: { share: "gpu-memory-utilization" },
    runner: "V0",
  },
  {
    pattern:
      /model weights take (?<weights>[\d.]+)GiB; non_torch_memory takes (?<persistent>-?[\d.]+)GiB; PyTorch activation peak memory takes (?<activations>[\d.]+)GiB; the rest of the memory reserved for KV Cache is (?<availableKv>-?[\d.]+)GiB/,
    figures: {
      weights: "weights",
      persistent: "persistent",
      activations: "activations",
      availableKv: "availableKv",
    },
    runner: "V0",
  },
  {
    pattern: /Memory profiling results: total_gpu_memory=(?<total>[\d.]+)GiB/,
    figures: { total: "total" },
    runner: "V0",
  },
  {
    pattern:
      /non_torch_memory=(?<persistent>-?[\d.]+)GiB\s+kv_cache_size=(?<availableKv>-?[\d.]+)GiB\s+gpu_memory_utilization=(?<share>[\d.]+)/,
    figures: { persistent: "persistent", availableKv: "availableKv" },
    flags: { share: "gpu-memory-utilization" },
    runner: "V0",
  },
];

const budget: readonly LinePattern[] = [
  {
    pattern: /Free memory on device(?: \S+)? \((?<freeAtStart>[\d.]+)\/(?<total>[\d.]+) GiB\) on startup/,
    figures: { freeAtStart: "freeAtStart", total: "total" },
  },
  {
    pattern: /[Dd]esired GPU memory utilization (?:is )?\((?<share>[\d.]+), (?<requested>[\d.]+) GiB\)/,
    figures: { requested: "requested" },
    flags: { share: "gpu-memory-utilization" },
  },
  {
    pattern:
      /Actual usage is (?<weights>[\d.]+) GiB for weights?, (?<activations>[\d.]+) GiB for peak activation, (?<persistent>-?[\d.]+) GiB for non-torch memory, and (?<captured>[\d.]+) GiB for CUDAGraph memory/,
    figures: {
      weights: "weights",
      activations: "activations",
      persistent: "persistent",
      captured: "capturedGraphs",
    },
  },
  {
    pattern:
      /Actual usage is (?<consumed>[\d.]+) GiB for consumed memory \(weights \+ non-torch\), (?<activations>[\d.]+) GiB for peak activation, and (?<captured>[\d.]+) GiB for CUDAGraph memory/,
    figures: { consumed: "consumed", activations: "activations", captured: "capturedGraphs" },
  },
  {
    pattern: /Current kv cache memory in use is (?<kv>\d+) bytes/,
    figures: { kv: "availableKv" },
    unit: "bytes",
  },
  {
    pattern: /Current kv cache memory in use is (?<kv>[\d.]+) GiB/,
    figures: { kv: "availableKv" },
  },
  { pattern: /Available KV cache memory: (?<kv>-?[\d.]+) GiB/, figures: { kv: "availableKv" }, runner: "V1" },
  {
    pattern: /Available memory: (?<kv>\d+), total memory: (?<total>\d+)/,
    figures: { kv: "availableKv", total: "total" },
    unit: "bytes",
  },
  {
    pattern: /Initial free memory (?<freeAtStart>[\d.]+) GiB, reserved (?<kv>[\d.]+) GiB memory for KV Cache/,
    figures: { freeAtStart: "freeAtStart", kv: "availableKv" },
    note: "The KV size was stated in bytes, so nothing was measured.",
  },
];

/** From 0.15 the start says which share it used, each in its own sentence. */
const shares: readonly LinePattern[] = [
  {
    pattern: /The current --gpu-memory-utilization=(?<share>[\d.]+) is equivalent to/,
    flags: { share: "gpu-memory-utilization" },
  },
  {
    pattern: /increase --gpu-memory-utilization from (?<share>[\d.]+) to/,
    flags: { share: "gpu-memory-utilization" },
  },
  { pattern: /gpu_memory_utilization[ =]\(?(?<share>0\.\d+)\)?/, flags: { share: "gpu-memory-utilization" } },
];

const sizes: readonly LinePattern[] = [
  {
    pattern: /Chunked prefill is enabled with max_num_batched_tokens=(?<tokens>\d+)/,
    flags: { tokens: "max-num-batched-tokens" },
  },
  {
    pattern: /(?:Auto|Explicitly) set \((?<kv>[\d.]+)\/(?<total>[\d.]+)\) GiB for KV cache on node/,
    figures: { kv: "availableKv", total: "total" },
  },
];

const graphs: readonly LinePattern[] = [
  {
    pattern: /Estimated CUDA graph memory: (?<graphs>-?[\d.]+) GiB/,
    figures: { graphs: "graphs" },
  },
  {
    pattern: /Graph capturing finished in \d+ secs?, took (?<captured>-?[\d.]+) GiB/,
    figures: { captured: "capturedGraphs" },
  },
  {
    pattern:
      /CUDA graph pool memory: (?<captured>[\d.]+) GiB \(actual\), (?<graphs>[\d.]+) GiB \(estimated\)/,
    figures: { captured: "capturedGraphs", graphs: "graphs" },
  },
];

const capacity: readonly LinePattern[] = [
  {
    pattern: /# (?:GPU|\w+) blocks: (?<blocks>\d+)(?:, # CPU blocks: (?<cpu>\d+))?/,
    counts: { blocks: "numBlocks", cpu: "numCpuBlocks" },
    isStarted: true,
  },
  {
    pattern: /GPU KV cache size: (?<tokens>[\d,]+) tokens/,
    counts: { tokens: "numTokens" },
    runner: "V1",
    isStarted: true,
  },
  {
    pattern: /Maximum concurrency for (?<length>[\d,]+) tokens per request: (?<times>[\d.]+)x/,
    counts: { length: "maxModelLen", times: "concurrency" },
    isStarted: true,
  },
  {
    pattern: /Auto-fit max_model_len: reduced from \d+ to (?<length>\d+)/,
    counts: { length: "maxModelLen" },
  },
  {
    pattern: /Setting attention block size to (?<block>\d+) tokens/,
    counts: { block: "blockSize" },
  },
  { pattern: /Application startup complete|Uvicorn running on|init engine \(.*\) took/, isStarted: true },
];

const refusals: readonly LinePattern[] = [
  {
    pattern: /Free memory on device.*is less than desired GPU memory utilization/,
    failure: "freeMemoryAtStart",
  },
  {
    pattern: /Available memory on node.*is less than desired CPU memory utilization/,
    failure: "freeMemoryAtStart",
  },
  { pattern: /No available memory for the cache blocks/, failure: "noKvMemory" },
  {
    pattern:
      /To serve at least one request with the models?'s max seq len \((?<length>\d+)\), \(?(?<needed>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?<check>-?[\d.]+) GiB\)/,
    figures: { needed: "neededKv", check: "availableKv" },
    counts: { length: "maxModelLen" },
    failure: "requestTooLong",
  },
  {
    pattern: /the estimated maximum model length is (?<suggested>\d+)/,
    counts: { suggested: "suggestedLen" },
  },
  {
    pattern:
      /model's max seq len \((?<length>\d+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?<tokens>\d+)\)/,
    counts: { length: "maxModelLen", tokens: "numTokens" },
    failure: "requestTooLong",
    runner: "V0",
  },
  { pattern: /Cannot auto-fit max_model_len/, failure: "noKvMemory" },
  { pattern: /exceeds available Mamba cache blocks/, failure: "stateCache" },
  { pattern: /Error in memory profiling\. Initial free memory/, failure: "neighbourFreed" },
  { pattern: /Failed to load model - not enough GPU memory/, failure: "weights" },
  {
    pattern: /CUDA out of memory occurred when warming up sampler with (?<seqs>\d+) dummy requests/,
    flags: { seqs: "max-num-seqs" },
    failure: "sampler",
  },
  {
    pattern:
      /must be divisible by tensor parallel size|must be greater than or equal to max_num_seqs|GPU memory utilization must be|is greater than the derived max_model_len/,
    failure: "invalidSetting",
  },
];

export const vllmPatterns: readonly LinePattern[] = [
  ...identity,
  ...loading,
  ...v0Profile,
  ...budget,
  ...shares,
  ...sizes,
  ...graphs,
  ...capacity,
  ...refusals,
];
