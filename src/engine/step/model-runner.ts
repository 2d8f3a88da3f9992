/** @module Runs a planned step on a model. */
import type { LoadedModel, StepResults } from "../../backend/backend.ts";
import { isMasked, writeMasks, writeStepInputs } from "./step-inputs.ts";
import type { StepPlan } from "./step-plan.ts";

/** Runs plans and changes no sequence: `schedule/commit` applies the results to the sequences. */
export class ModelRunner {
  readonly #model: LoadedModel;
  readonly #blockSize: number;
  readonly #vocabularyWidth: number;

  constructor(model: LoadedModel, blockSize: number, vocabularyWidth: number) {
    this.#model = model;
    this.#blockSize = blockSize;
    this.#vocabularyWidth = vocabularyWidth;
  }

  /** One entry per output row of the step that ran last; the next step overwrites them. */
  get results(): StepResults {
    return this.#model.results;
  }

  /**
   * Starts the step; resolves when its results are there. Until they are applied, only the end of a request may
   * change the plan's sequences.
   */
  start(plan: StepPlan): Promise<void> {
    if (plan.copies.length > 0) this.#model.copyBlocks(plan.copies);
    writeStepInputs(plan, this.#model.inputs, this.#blockSize, this.#vocabularyWidth);
    if (!plan.slices.some(isMasked)) return this.#model.step();
    return this.#model.step(() => writeMasks(plan, this.#model.inputs.sampling, this.#vocabularyWidth));
  }
}
