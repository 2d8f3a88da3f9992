/** @module An out-of-memory message of PyTorch or of a driver: what it says of the device, and in which phase of the start it came. */
import type { FailureKind } from "../plan/failure.ts";
import type { Quantity } from "../quantity/quantity.ts";
import { type Collected, withoutPrefix } from "./collect-facts.ts";
import { type OutOfMemory, printedSize } from "./log-facts.ts";

const outOfMemory =
  /(?:CUDA|HIP|XPU|NPU) out of memory\.|OutOfMemoryError|CUDA error: out of memory|CUDA runtime error: out of memory|cudaErrorMemoryAllocation|UR_RESULT_ERROR_OUT_OF_(?:DEVICE|RESOURCES)|hipErrorOutOfMemory/;

const size = "(?<digits>\\d+(?:\\.\\d+)?) ?(?<unit>bytes|[KMGT]iB|[KMG]B)";
/** Wordings of PyTorch until 2.1 and since, of torch_npu and of the XPU allocator. */
const wordings: Readonly<Record<keyof Omit<OutOfMemory, "hasAbsurdSizes">, readonly RegExp[]>> = {
  tried: [new RegExp(`Tried to allocate ${size}`)],
  total: [
    new RegExp(`has a total capaci?ty of ${size}`),
    new RegExp(`\\([A-Z]PU \\d+; ${size} total capacity`),
  ],
  free: [new RegExp(`of which ${size} is free`), new RegExp(`; ${size} free`)],
  held: [new RegExp(`this process has ${size} memory in use`)],
  allocated: [
    new RegExp(`Of the allocated memory ${size} is allocated by PyTorch`),
    new RegExp(`; ${size} already allocated`),
  ],
  reserved: [new RegExp(`and ${size} is reserved by PyTorch but unallocated`)],
  allowed: [new RegExp(`[;,] ${size} allowed`)],
};

/** Larger than the memory of any device, 2 TiB: a counter of the driver that went below zero. */
const absurdBytes = 2 ** 41;
const anySize = new RegExp(size, "g");

function statedIn(text: string): OutOfMemory {
  const read = (patterns: readonly RegExp[]): Quantity | null => {
    const groups = patterns.map((pattern) => pattern.exec(text)?.groups).find((found) => found !== undefined);
    if (groups === undefined) return null;
    const found = printedSize(groups.digits ?? "", groups.unit ?? "", "the out-of-memory message");
    return found.expectedBytes >= absurdBytes ? null : found;
  };
  const hasAbsurdSizes = [...text.matchAll(anySize)].some(
    ({ groups }) => printedSize(groups?.digits ?? "0", groups?.unit ?? "b", "").expectedBytes >= absurdBytes,
  );
  const { tried, total, free, held, allocated, reserved, allowed } = wordings;
  return {
    tried: read(tried),
    total: read(total),
    free: read(free),
    held: read(held),
    allocated: read(allocated),
    reserved: read(reserved),
    allowed: read(allowed),
    hasAbsurdSizes,
  };
}

/** Room that the allocator asks for beyond what was tried: a segment of its own size class. */
const allocatorRoom = 64 * 2 ** 20;

/** True where more was free than was tried, so that no shortage of the device refused it. */
export function wasRefusedThoughFree({ tried, free }: OutOfMemory): boolean {
  return tried !== null && free !== null && free.expectedBytes >= tried.expectedBytes + allocatorRoom;
}

/**
 * Functions of a traceback and the phase that each tells, the most telling first: a capture runs the same dummy step as the
 * profile, and a server that ran a step has started.
 */
const phases: readonly (readonly [RegExp, FailureKind])[] = [
  [/\b(?:run_busy_loop|_process_engine_step|step_with_batch_queue|run_engine_loop|engine_step)\b/, "serving"],
  [
    /\b(?:capture_model|capture_graph\w*|_capture_cudagraphs|cuda_graph\.replay|profile_cudagraph_memory|_warmup_and_capture|capture_cudagraphs)\b|compilation\/cuda_graph\.py/,
    "graphCapture",
  ],
  [
    /\b(?:_dummy_sampler_run|dummy_sampler|warming up sampler|_dummy_sampler)\b|(?:sampler|topk_topp_sampler)\.py/,
    "sampler",
  ],
  [
    /\b(?:_allocate_kv_cache\w*|allocate_kv_cache\w*|initialize_kv_cache\w*|_reshape_kv_cache\w*|allocate_gpu_cache|_init_cache_engine)\b|cache_engine\.py/,
    "kvAllocation",
  ],
  [
    /\b(?:profile_run|determine_available_memory|determine_num_available_blocks|_dummy_pooler_run)\b/,
    "activations",
  ],
  [/\b(?:kernel_warmup|compile_or_warm_up_model|warming_up_model|flashinfer_autotune)\b/, "warmUp"],
  [
    /\b(?:process_weights_after_loading|\w*marlin_repack\w*|prepare_\w+_for_marlin|convert_to_\w+_moe_kernel_format|repack\w*)\b/,
    "repacking",
  ],
  [/\b(?:load_model|load_weights|initialize_model|create_weights|weight_utils|get_model)\b/, "weights"],
  [
    /\b(?:init_device|_init_device|set_device|init_worker_distributed_environment|init_distributed_environment|ncclCommInitRank|_lazy_init)\b/,
    "context",
  ],
  [/\b(?:_dummy_run)\b/, "activations"],
  [/\b(?:execute_model|generate)\b/, "serving"],
];
/** Lines of a traceback that may name the phase. */
const reach = 160;

/** The lines of the traceback that ends at `at`, those of other processes between them. */
function tracebackBefore(lines: readonly string[], at: number): readonly string[] {
  const least = Math.max(0, at - reach);
  for (let index = at; index >= least; index--)
    if (/Traceback \(most recent call last\)/.test(lines[index] ?? "")) return lines.slice(index, at + 1);
  return lines.slice(least, at + 1);
}

function phaseBefore(lines: readonly string[], at: number): FailureKind | null {
  const frames = tracebackBefore(lines, at).filter((line) => /File "|\.py[:"]|in \w+$/.test(line));
  // A message on one line with its traceback, as some relays write it, holds the frames itself.
  const text = frames.map((line) => withoutPrefix(line)).join("\n");
  return phases.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** Without a traceback, how far the log had come. */
function phaseByProgress(facts: Collected, before: readonly string[]): FailureKind {
  if (
    before.some((line) =>
      /Application startup complete|Graph capturing finished|Engine loop failed/.test(line),
    )
  )
    return "serving";
  if (
    before.some((line) =>
      /Capturing (?:the model for )?(?:CUDA|cuda) ?graphs|Capturing cudagraphs/.test(line),
    )
  )
    return "graphCapture";
  if (facts.figures.weights === undefined && facts.figures.availableKv === undefined) return "weights";
  return facts.figures.availableKv === undefined ? "activations" : "kvAllocation";
}

/** Adds the first out-of-memory of a PyTorch engine to the facts: what it states, and its phase where no line told one. */
export function readOutOfMemory(facts: Collected, lines: readonly string[]): void {
  const at = lines.findIndex((line) => outOfMemory.test(line) && !/^\s*(?:raise|except) /.test(line));
  if (at < 0) return;
  const stated = statedIn(lines.slice(at, at + 3).join(" "));
  facts.outOfMemory = stated;
  if (stated.total !== null) facts.figures.total ??= stated.total;
  const phase = phaseBefore(lines, at);
  const [first] = facts.failures;
  const message = withoutPrefix(lines[at] ?? "");
  if (first === undefined)
    facts.failures.push({ kind: phase ?? phaseByProgress(facts, lines.slice(0, at + 1)), message });
  // The engine's own sentence says "loading"; the traceback may know it was repacking.
  else if (first.kind === "weights" && phase === "repacking") facts.failures[0] = { ...first, kind: phase };
}
