/** @module How vLLM decides its memory, and what it says: `vllm-memory.md` §1.2, §1.3, §2.1, §2.5, §3.5–3.7. */

/** `str(round(bytes / 2^30, 2))`. */
export function gib(bytes: number): string {
  const text = String(Math.round((bytes / 2 ** 30) * 100) / 100);
  return text.includes(".") ? text : `${text}.0`;
}

const commas = (count: number): string => count.toLocaleString("en-US");

/** §1.1. */
export function requestedBytes(totalBytes: number, share: number): number {
  return Math.ceil(totalBytes * share);
}

/** §1.2. */
export function tooLittleFree(
  freeBytes: number,
  totalBytes: number,
  share: number,
  device = "cuda:0",
): string {
  return `ValueError: Free memory on device ${device} (${gib(freeBytes)}/${gib(totalBytes)} GiB) on startup is less than desired GPU memory utilization (${share}, ${gib(requestedBytes(totalBytes, share))} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.`;
}

/** §1.3: the assertion. */
export function freeGrew(beforeBytes: number, afterBytes: number): string {
  return `AssertionError: Error in memory profiling. Initial free memory ${gib(beforeBytes)} GiB, current free memory ${gib(afterBytes)} GiB. This happens when other processes sharing the same container release GPU memory while vLLM is profiling during initialization. To fix this, ensure consistent GPU memory allocation or isolate vLLM in its own container.`;
}

export interface Profiled {
  readonly requestedBytes: number;
  /** Whole-device difference of free bytes. */
  readonly consumedBytes: number;
  readonly transientBytes: number;
  readonly graphBytes: number;
}

/** §2.1. */
export function availableBytes(profiled: Profiled): number {
  return profiled.requestedBytes - profiled.consumedBytes - profiled.transientBytes - profiled.graphBytes;
}

/** §3.5, of one group of full attention. */
export function numBlocks(available: number, bytesPerToken: number, blockTokens: number): number {
  return Math.max(0, Math.floor(available / (bytesPerToken * blockTokens)));
}

/** §3.6 and §2.5, in one line as since August 2026. */
export function capacityLine(blocks: number, blockTokens: number, maxModelLen: number): string {
  const perRequest = Math.ceil(maxModelLen / blockTokens);
  const concurrency = blocks / perRequest;
  const tokens = Math.trunc(concurrency * maxModelLen);
  return `GPU KV cache size: ${commas(tokens)} tokens, Maximum concurrency for ${commas(maxModelLen)} tokens per request: ${concurrency.toFixed(2)}x`;
}

/** §3.7: null where a request of the full length fits. */
export function fitError(
  available: number,
  bytesPerToken: number,
  blockTokens: number,
  maxModelLen: number,
): string | null {
  const blockBytes = bytesPerToken * blockTokens;
  const check = available - blockBytes;
  const advice = "See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details.";
  if (check <= 0)
    return `ValueError: No available memory for the cache blocks. Try increasing \`gpu_memory_utilization\` when initializing the engine (this flag also controls CPU memory reservation on the CPU backend, despite its name). ${advice}`;
  const need = Math.ceil(maxModelLen / blockTokens) * blockBytes;
  if (need <= check) return null;
  const most = Math.min(maxModelLen, Math.floor(check / blockBytes) * blockTokens);
  const estimate =
    most === 0 ? "" : ` Based on the available memory, the estimated maximum model length is ${most}.`;
  return `ValueError: To serve at least one request with the model's max seq len (${maxModelLen}), (${gib(need)} GiB KV cache is needed, which is larger than the available KV cache memory (${gib(check)} GiB).${estimate} Try increasing \`gpu_memory_utilization\` (which also controls CPU memory on the CPU backend) or decreasing \`max_model_len\` when initializing the engine. ${advice}`;
}
