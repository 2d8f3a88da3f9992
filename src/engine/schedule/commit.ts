/** @module Applies a finished step to its sequences: appends tokens, publishes blocks, ends sequences. */
import type { LoadedModel, StepResults } from "../../backend/backend.ts";
import { PagodaError } from "../../core/errors.ts";
import type { PositionLogprobs } from "../../core/generation.ts";
import type { RequestProgress, Sequence } from "../sequence/sequence.ts";
import { type Ending, endingByToken, textOfToken } from "../sequence/stop-conditions.ts";
import type { SequenceSlice, StepPlan } from "../step/step-plan.ts";
import { readLogprobs } from "../step/step-results.ts";
import type { Scheduler } from "./scheduler.ts";

/** The result of a step for one sequence whose prompt is complete. */
export interface Outcome {
  readonly sequence: Sequence;
  /** null if the request wanted only its prompt computed. */
  readonly tokenId: number | null;
  readonly logprobs: PositionLogprobs | null;
  /** null if the text is not made yet; that can wait until the next step runs. */
  readonly text: string | null;
  readonly ending: Ending | null;
}

type CommittedModel = Pick<LoadedModel, "results" | "hiddenWidth" | "readHidden">;

export class StepCommit {
  readonly #scheduler: Scheduler;
  readonly #model: CommittedModel;
  readonly #results: StepResults;
  readonly #hidden: Float32Array;

  /** @param model where the results of each step are */
  constructor(scheduler: Scheduler, model: CommittedModel) {
    this.#scheduler = scheduler;
    this.#model = model;
    this.#results = model.results;
    this.#hidden = new Float32Array(model.hiddenWidth);
  }

  /**
   * Takes over what a finished step computed: positions, full blocks, prompt log-probabilities, tokens and endings.
   * Sequences that end give their blocks back here, before the next step is planned. The rows of
   * requests that ended meanwhile (`isOver`) are skipped: they hold no blocks any more. A request with a row of
   * non-finite logits goes to `abandon`, which ends it.
   */
  apply(plan: StepPlan, abandon: (request: RequestProgress, error: PagodaError) => void): Outcome[] {
    const outcomes: Outcome[] = [];
    let row = 0;
    let tokenRow = 0;
    for (const slice of plan.slices) {
      const { request } = slice.sequence;
      const numRows = slice.numScored + (slice.samplesToken ? 1 : 0);
      if (!request.isOver && !this.#areFinite(row, numRows)) abandon(request, logitsNotFinite());
      if (!request.isOver && !this.#pool(slice, tokenRow)) abandon(request, logitsNotFinite());
      if (!request.isOver) this.#commitSlice(slice, row, outcomes);
      const { constraint, filter } = slice.sequence;
      for (const rule of [filter, constraint])
        if (!request.isOver && rule?.isStuck === true) abandon(request, ruleIsStuck(rule.param));
      row += numRows;
      tokenRow += slice.numTokens;
    }
    return outcomes;
  }

  #areFinite(firstRow: number, numRows: number): boolean {
    const { tokenIds } = this.#results;
    for (let row = firstRow; row < firstRow + numRows; row++) if ((tokenIds[row] as number) < 0) return false;
    return true;
  }

  #commitSlice(slice: SequenceSlice, firstRow: number, outcomes: Outcome[]): void {
    const { sequence } = slice;
    this.#scheduler.advance(slice);
    this.#collectPromptLogprobs(slice, firstRow);
    if (slice.samplesToken) {
      outcomes.push(this.#commitToken(sequence, firstRow + slice.numScored));
    } else if (sequence.request.prepared.maxTokens === 0 && sequence.numUncomputed === 0) {
      this.#scheduler.finish(sequence);
      outcomes.push({
        sequence,
        tokenId: null,
        logprobs: null,
        text: "",
        ending: { reason: "length", stopReason: null, isByToken: false },
      });
    }
  }

  /**
   * Takes the hidden states that the request wants; false where one is not finite. Positions that a preempted sequence
   * computes again were taken before.
   */
  #pool({ sequence, startPosition, numTokens }: SequenceSlice, firstRow: number): boolean {
    const { pooledState } = sequence.request;
    if (pooledState === null) return true;
    const end = startPosition + numTokens;
    for (let position = Math.max(startPosition, pooledState.nextPosition); position < end; position++) {
      this.#model.readHidden(firstRow + position - startPosition, this.#hidden);
      if (!this.#hidden.every(Number.isFinite)) return false;
      pooledState.take(this.#hidden);
    }
    return true;
  }

  #collectPromptLogprobs(slice: SequenceSlice, firstRow: number): void {
    const { request } = slice.sequence;
    for (let r = 0; r < slice.numScored; r++) request.promptLogprobs?.append(this.#results, firstRow + r);
    request.numPromptLogprobs += slice.numScored;
  }

  #commitToken(sequence: Sequence, row: number): Outcome {
    const results = this.#results;
    const { logprobs: numTop } = sequence.request.prepared.sampling;
    const tokenId = results.tokenIds[row] as number;
    const logprobs = numTop === null ? null : readLogprobs(results, row, numTop);
    sequence.append(tokenId);
    let ending = endingByToken(sequence, tokenId);
    let text: string | null = null;
    if (sequence.text.decidesEnd) ({ text, ending } = textOfToken(sequence, tokenId, ending));
    if (ending !== null) this.#scheduler.complete(sequence);
    return { sequence, tokenId, logprobs, text, ending };
  }
}

function logitsNotFinite(): PagodaError {
  const message = "The model computed logits that are not finite numbers for this request.";
  return new PagodaError("logits_not_finite", message, {
    hint: "Check the model's files: a damaged weight does this.",
  });
}

function ruleIsStuck(param: string): PagodaError {
  return new PagodaError("invalid_request", `The text cannot go on as '${param}' demands.`, {
    param,
    hint: "No token of the model's vocabulary continues it, or it can be read in too many ways: send a simpler rule.",
  });
}
