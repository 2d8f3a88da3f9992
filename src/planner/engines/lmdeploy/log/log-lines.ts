/** @module The lines of LMDeploy's start-up: TurboMind before and since 0.15, and the PyTorch engine (lmdeploy-memory.md §1.5, §6). */
import type { LinePattern } from "../../../log/collect-facts.ts";

export const slabRunner = "TurboMind from 0.15";
export const legacyRunner = "TurboMind 0.2.2 to 0.14";
export const pytorchRunner = "PyTorch engine";

const identity: readonly LinePattern[] = [
  {
    pattern: /\blmdeploy(?:==|[ :]+(?:version[ :=]*)?v?)(?<version>0\.\d+\.\d+[\w.]*)/i,
    texts: { version: "version" },
  },
  { pattern: /\bLMDeploy v?(?<version>0\.\d+\.\d+[\w.]*)/, texts: { version: "version" } },
  {
    pattern: /(?<gpu>NVIDIA (?:GeForce|RTX|TITAN|Tesla|Quadro|[ABHLTVP]\d|GB?H?\d)[\w-]*(?: [\w-]+)*)/,
    texts: { gpu: "gpu" },
  },
  { pattern: /(?:get|got) \d+ model params/, note: "The weights were loaded." },
];

const slabs: readonly LinePattern[] = [
  {
    pattern:
      /Object cache budget: (?<kv>[\d.]+) (?<unit>MB) from free (?<free>[\d.]+) MB and ratio (?<share>[\d.]+)/,
    figures: { kv: "availableKv", free: "free" },
    flags: { share: "cache-max-entry-count" },
    runner: slabRunner,
  },
  {
    pattern: /slab_size \d+, object_size (?<object>\d+), object_count \d+/,
    counts: { object: "bytesPerBlock" },
    runner: slabRunner,
  },
  { pattern: /Warm-up finished in [\d.]+ seconds/, isStarted: true },
  {
    pattern: /object-cache path (?:expects|no longer accepts)/,
    failure: "invalidSetting",
    runner: slabRunner,
  },
  { pattern: /Warm-up lengths:/, runner: slabRunner, note: "The warm-up began." },
];

const blocks: readonly LinePattern[] = [
  {
    pattern: /max_block_count = (?<blocks>\d+)/,
    counts: { blocks: "numBlocks" },
    runner: legacyRunner,
    isStarted: true,
  },
  {
    pattern: /max cached tokens: (?<tokens>\d+)/,
    counts: { tokens: "numTokens" },
    runner: legacyRunner,
    isStarted: true,
  },
  {
    pattern: /`session_len` truncated to (?<length>\d+)/,
    counts: { length: "maxModelLen" },
    runner: legacyRunner,
    note: "The pool is smaller than one session, so sessions were truncated.",
  },
  {
    pattern: /No enough blocks for `session_len` \(\d+\), `session_len` truncated to (?<length>\d+)/,
    counts: { length: "maxModelLen" },
    runner: legacyRunner,
  },
  { pattern: /Linear-state memory .* >= cache budget/, failure: "stateCache", runner: legacyRunner },
  { pattern: /No enough blocks\.?$/, failure: "noKvMemory", runner: legacyRunner },
];

const pytorch: readonly LinePattern[] = [
  {
    pattern: /minimal free gpu memory: (?<free>\d+) (?<unit>mb)/,
    figures: { free: "free" },
    runner: pytorchRunner,
  },
  {
    pattern: /estimated max runtime memory: (?<runtime>\d+) (?<unit>mb)/,
    figures: { runtime: "runtime" },
    runner: pytorchRunner,
  },
  {
    pattern: /\bnum_gpu_blocks=(?<blocks>[1-9]\d*)/,
    counts: { blocks: "numBlocks" },
    isStarted: true,
  },
  { pattern: /Building CacheEngine with config/, runner: pytorchRunner },
  {
    pattern: /No enough memory\. Update max_prefill_token_num=(?<prefill>\d+)/,
    runner: pytorchRunner,
    note: "The prefill budget was halved until sixteen blocks were left.",
  },
  { pattern: /(?:Error: |^)No enough gpu memory for kv cache/, failure: "noKvMemory", runner: pytorchRunner },
  {
    pattern: /(?:Error: |^)No enough gpu memory for runtime/,
    failure: "runtimeReserve",
    runner: pytorchRunner,
  },
  {
    pattern: /(?:Error: |^)No enough gpu memory for state cache/,
    failure: "stateCache",
    runner: pytorchRunner,
  },
  { pattern: /invalid cache_max_entry_count/, failure: "invalidSetting" },
];

const serving: readonly LinePattern[] = [
  { pattern: /HINT:\s+Please open|Uvicorn running on|Application startup complete/, isStarted: true },
  {
    pattern: /cache out of memory, no request can be admitted/,
    failure: "serving",
    runner: slabRunner,
  },
];

export const lmdeployPatterns: readonly LinePattern[] = [
  ...identity,
  ...slabs,
  ...blocks,
  ...pytorch,
  ...serving,
];
