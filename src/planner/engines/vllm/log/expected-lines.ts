/** @module vLLM's own sentences, letter for letter (vllm-memory.md §1.2, §2.5, §3.7). */
import { formatGib, pythonRound2 } from "../../../quantity/bytes.ts";
import type { VllmProfile } from "../settings/versions.ts";

const conserving = "https://docs.vllm.ai/en/latest/configuration/conserving_memory/";

/** 1234567 as Python's `{:,}` prints it. */
function grouped(value: number): string {
  return String(Math.trunc(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

export function freeMemoryMessage(
  freeBytes: number,
  totalBytes: number,
  utilization: number,
  requested: number,
): string {
  return (
    `Free memory on device cuda:0 (${formatGib(freeBytes)}/${formatGib(totalBytes)} GiB) on startup is less than desired GPU memory ` +
    `utilization (${utilization}, ${formatGib(requested)} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.`
  );
}

export function noMemoryMessage(profile: VllmProfile): string {
  const start =
    "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine";
  if (profile.logStyle !== "oneLine") return `${start}.`;
  return `${start} (this flag also controls CPU memory reservation on the CPU backend, despite its name). See ${conserving} for more details.`;
}

/** The unbalanced parenthesis is in the original. */
export function tooLongMessage(
  maxModelLen: number,
  needed: number,
  check: number,
  suggested: number,
): string {
  const estimate =
    suggested > 0
      ? `Based on the available memory, the estimated maximum model length is ${suggested}. `
      : "";
  return (
    `To serve at least one request with the model's max seq len (${maxModelLen}), (${formatGib(needed)} GiB KV cache is needed, which is ` +
    `larger than the available KV cache memory (${formatGib(check)} GiB). ${estimate}Try increasing \`gpu_memory_utilization\` (which also ` +
    "controls CPU memory on the CPU backend) or decreasing `max_model_len` when initializing the engine. " +
    `See ${conserving} for more details.`
  );
}

export function v0TooLongMessage(maxModelLen: number, numTokens: number): string {
  return (
    `The model's max seq len (${maxModelLen}) is larger than the maximum number of tokens that can be stored in KV cache ` +
    `(${numTokens}). Try increasing \`gpu_memory_utilization\` or decreasing \`max_model_len\` when initializing the engine.`
  );
}

export const noLengthMessage =
  "Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token. Try increasing `gpu_memory_utilization`.";

export interface CapacityLine {
  readonly weightsBytes: number;
  readonly availableBytes: number;
  readonly numBlocks: number;
  readonly numCpuBlocks: number;
  readonly numTokens: number;
  readonly maxModelLen: number;
  readonly concurrency: number;
}

/** The lines a user can compare with the real start. */
export function expectedLines(profile: VllmProfile, capacity: CapacityLine): string[] {
  const { numTokens, maxModelLen, concurrency } = capacity;
  // `%.2f` sends exact ties to the even hundredth, `toFixed` up: 10.625 is 10.62x.
  const times = `${pythonRound2(concurrency).toFixed(2)}x`;
  if (profile.logStyle === "v0")
    return [
      `Loading model weights took ${(capacity.weightsBytes / 2 ** 30).toFixed(4)} GB`,
      `# GPU blocks: ${capacity.numBlocks}, # CPU blocks: ${capacity.numCpuBlocks}`,
      `Maximum concurrency for ${maxModelLen} tokens per request: ${times}`,
    ];
  const start = [
    `Model loading took ${formatGib(capacity.weightsBytes)} GiB memory`,
    `Available KV cache memory: ${formatGib(capacity.availableBytes)} GiB`,
  ];
  const size = `GPU KV cache size: ${grouped(numTokens)} tokens`;
  const requests = `Maximum concurrency for ${grouped(maxModelLen)} tokens per request: ${times}`;
  return profile.logStyle === "oneLine" ? [...start, `${size}, ${requests}`] : [...start, size, requests];
}
