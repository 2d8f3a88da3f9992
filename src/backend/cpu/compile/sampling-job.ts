/** @module The job that turns a piece's logits into tokens and log-probabilities, one unit for each output row. */
import { invariant } from "../../../core/errors.ts";
import type { JobValues } from "../kernels/jobs.ts";
import type { ThreadContext } from "../memory/thread-context.ts";
import type { JobWriter } from "./job-writer.ts";
import type { PhaseList } from "./phase-list.ts";

const inputNames = [
  "targetTokenIds",
  "numTopLogprobs",
  "wantsLogprob",
  "temperature",
  "topK",
  "topP",
  "minP",
  "uniform",
  "repetitionPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "seenStarts",
  "seenTokenIds",
  "seenCounts",
  "biasStarts",
  "biasTokenIds",
  "biasValues",
  "maskNumbers",
  "masks",
] as const;

const resultNames = {
  resultTokenIds: "tokenIds",
  resultLogprobs: "logprobs",
  resultRanks: "ranks",
  resultTopTokenIds: "topTokenIds",
  resultTopLogprobs: "topLogprobs",
} as const;

type InputOffsets = Pick<JobValues<"sample">, (typeof inputNames)[number]>;
type ResultOffsets = Pick<JobValues<"sample">, keyof typeof resultNames>;

/** Adds sampling over the program's logits, in arena 0, as the last phase of the head. */
export function compileSampling(
  { program, limits, thread }: ThreadContext,
  jobs: JobWriter,
  phases: PhaseList,
): void {
  const { layout } = jobs.arena(0);
  const place = (offset: number | undefined): number => {
    invariant(offset !== undefined, () => "arena 0 lacks a sampling array");
    return offset;
  };
  const inputs = Object.fromEntries(inputNames.map((name) => [name, place(layout.inputs.get(name))]));
  const results = Object.fromEntries(
    Object.entries(resultNames).map(([field, name]) => [field, place(layout.results.get(name))]),
  );
  const width = program.buffers[program.logits]?.width ?? 0;
  const job = jobs.write(0, "sample", {
    logits: place(layout.buffers.get(program.logits)),
    logitsStride: 4 * width,
    vocabularyWidth: program.vocabularyWidth,
    firstOutput: 0,
    ...(inputs as InputOffsets),
    ...(results as ResultOffsets),
    maxLogprobs: limits.maxLogprobs,
    scratch: place(layout.scratch[thread]),
  });
  jobs.patch(job, "sample", "firstOutput", "firstOutput");
  phases.addRows("sample", "outputRows", job, false);
}
