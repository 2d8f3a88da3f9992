/** @module The steps of a vLLM start in order, by the lines that end them: how far a log had come, and what follows. */
import type { Milestone } from "../../../log/log-facts.ts";

interface Step extends Milestone {
  readonly pattern: RegExp;
}

const steps: readonly Step[] = [
  {
    pattern: /vLLM API server version|LLM engine(?: \(v[^)]*\))? with config/,
    reached: "the configuration was read",
    next: "the process makes its context on the card and compares the free memory with the share",
  },
  {
    pattern: /Starting to load model|Loading model weights|Loading safetensors checkpoint shards/,
    reached: "the weights were being loaded",
    next: "loading ends, or the card has too little memory for the weights",
  },
  {
    pattern: /Model loading took|Loading model weights took|Loading weights took/,
    reached: "the weights were loaded",
    next: "the profile run measures the peak activations; they may not fit beside the weights",
  },
  {
    pattern: /torch\.compile takes|torch\.compile took|Dynamo bytecode transform time|Compiling a graph/,
    reached: "the model was compiled",
    next: "the profile run measures the peak activations",
  },
  {
    pattern:
      /Memory profiling takes|Initial profiling\/warmup run took|Estimated CUDA graph memory|Profiling CUDA graph memory/,
    reached: "the profile run was measured",
    next: "the engine computes what is left for KV",
  },
  {
    pattern: /Available KV cache memory|the rest of the memory reserved for KV Cache|kv_cache_size=/,
    reached: "the KV memory was computed",
    next: "the engine checks whether one request of full length fits into it, and makes the pool",
  },
  {
    pattern: /GPU KV cache size|# \w+ blocks: \d+|Maximum concurrency for/,
    reached: "the size of the KV pool was printed",
    next: "the pool is allocated, and then CUDA graphs are captured",
  },
  {
    pattern: /Capturing (?:the model for )?(?:CUDA|cuda) ?graphs|Capturing cudagraphs/,
    reached: "CUDA graphs were being captured",
    next: "the capture ends, or the memory outside the share is too small for it",
  },
  {
    pattern: /Graph capturing finished|CUDA graph pool memory|init engine .* took/,
    reached: "CUDA graphs were captured",
    next: "the server opens its port",
  },
  {
    pattern: /Application startup complete|Uvicorn running on|Starting vLLM API server/,
    reached: "the server was ready",
    next: "it serves requests",
  },
];

/** The furthest step that the lines show; null where they show none. */
export function vllmMilestone(lines: readonly string[]): Milestone | null {
  const furthest = steps.findLast(({ pattern }) => lines.some((line) => pattern.test(line)));
  return furthest === undefined ? null : { reached: furthest.reached, next: furthest.next };
}
