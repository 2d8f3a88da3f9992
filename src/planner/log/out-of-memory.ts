/** @module A PyTorch or CUDA out-of-memory message: what it says of the card, and in which phase of the start it came. */

import type { FailureKind } from "../plan/failure.ts";
import { type Collected, withoutPrefix } from "./collect-facts.ts";
import { printedSize } from "./log-facts.ts";

const outOfMemory =
  /(?:CUDA|HIP|XPU) out of memory\.|OutOfMemoryError|CUDA error: out of memory|CUDA runtime error: out of memory|NPU out of memory/;
/** PyTorch's wording until 2.1, and since. */
const capacityLine =
  /GPU (?:\d+ )?has a total capacity of (?<total>[\d.]+) (?<totalUnit>GiB|MiB)|\(GPU \d+; (?<oldTotal>[\d.]+) (?<oldUnit>GiB|MiB) total capacity/;

/** Functions of a traceback, each telling the phase it belongs to; the innermost known one decides. */
const phases: readonly (readonly [RegExp, FailureKind])[] = [
  [/\b(?:_dummy_sampler_run|dummy_sampler|sampler\.py|topk_topp_sampler|warming up sampler)\b/, "sampler"],
  [
    /\b(?:capture_model|capture_graph|_capture_cudagraphs|cuda_graph\.replay|profile_cudagraph_memory)\b/,
    "graphCapture",
  ],
  [/\b(?:profile_run|_dummy_run|determine_available_memory|determine_num_available_blocks)\b/, "activations"],
  [
    /\b(?:load_model|load_weights|initialize_model|process_weights_after_loading|create_weights|weight_utils|get_model)\b/,
    "weights",
  ],
  [/\b(?:execute_model|step_with_batch_queue|generate)\b/, "serving"],
];

/** Lines of a traceback that may name the phase. */
const reach = 120;

function phaseBefore(lines: readonly string[], at: number): FailureKind | null {
  const window = lines.slice(Math.max(0, at - reach), at + 1);
  for (let index = window.length - 1; index >= 0; index--) {
    const line = window[index] ?? "";
    if (!/File "|\.py[:"]|in \w+/.test(line)) continue;
    const found = phases.find(([pattern]) => pattern.test(line));
    if (found !== undefined) return found[1];
  }
  return null;
}

/** Without a traceback, how far the log had come. */
function phaseByProgress(facts: Collected): FailureKind {
  if (facts.figures.weights === undefined && facts.figures.availableKv === undefined) return "weights";
  if (facts.figures.availableKv === undefined) return "activations";
  return facts.figures.capturedGraphs === undefined ? "graphCapture" : "serving";
}

/** Adds the first out-of-memory of a PyTorch engine to the facts. */
export function readOutOfMemory(facts: Collected, lines: readonly string[]): void {
  const at = lines.findIndex((line) => outOfMemory.test(line));
  if (at < 0) return;
  const text = lines.slice(at, at + 3).join(" ");
  const card = capacityLine.exec(text)?.groups;
  const total = card?.total ?? card?.oldTotal;
  if (total !== undefined)
    facts.figures.total ??= printedSize(
      total,
      card?.totalUnit ?? card?.oldUnit ?? "GiB",
      "the out-of-memory message",
    );
  const kind = phaseBefore(lines, at) ?? phaseByProgress(facts);
  facts.failures.push({ kind, message: withoutPrefix(lines[at] ?? "") });
}
