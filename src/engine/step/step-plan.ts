/** @module The plan of one step: slices of sequences, and the blocks to copy before it. */
import type { StepInputs } from "../../backend/backend.ts";
import { invariant } from "../../core/errors.ts";
import type { BindingLimit } from "../../core/observation/binding-limit.ts";
import type { Sequence } from "../sequence/sequence.ts";

/** A run of consecutive tokens of one sequence. */
export interface SequenceSlice {
  readonly sequence: Sequence;
  /** First position computed; earlier ones are already in the KV cache. */
  readonly startPosition: number;
  readonly numTokens: number;
  /** Prompt tokens whose log-probability this slice reports: row r is that of token firstScored + r. */
  readonly firstScored: number;
  readonly numScored: number;
  /** Whether one more output row follows, which samples the next token. False while a prompt continues. */
  readonly samplesToken: boolean;
}

/** How much the backend's arrays hold in one step. */
export interface StepCapacity {
  readonly numTokens: number;
  readonly numSlices: number;
  readonly numOutputs: number;
  readonly numSeen: number;
  readonly numBias: number;
}

export function capacityOf(inputs: StepInputs): StepCapacity {
  return {
    numTokens: inputs.tokenIds.length,
    numSlices: inputs.sliceStarts.length - 1,
    numOutputs: inputs.outputRows.length,
    numSeen: inputs.sampling.seenTokenIds.length,
    numBias: inputs.sampling.biasTokenIds.length,
  };
}

/**
 * What may be held back, by how grave it is: a sequence that loses its blocks; one with a seat that gets fewer tokens than
 * it wants, so that another one with a seat would get none at all; one without a seat; one that waits for the same text.
 */
const holdKinds = { nothing: 0, prefix: 1, newcomer: 2, seated: 3, blocks: 4 } as const;
type HoldKind = (typeof holdKinds)[keyof typeof holdKinds];

export class StepPlan {
  readonly capacity: StepCapacity;
  readonly slices: SequenceSlice[] = [];
  /** [from, to, from, to, …] block ids, to be copied in this order before the step. */
  readonly copies: number[] = [];
  readonly preempted: Sequence[] = [];
  numTokens = 0;
  numOutputs = 0;
  /** Slices of one token that sample: a client is waiting for each. */
  numDecodes = 0;
  /** Positions attended to, summed over tokens: the cost of attention. */
  numAttended = 0;
  /** The gravest limit that held something back when this step was planned; null: everything got what it wanted. */
  heldBackBy: BindingLimit | null = null;
  #gravity: HoldKind = holdKinds.nothing;
  #numSeen = 0;
  #numBias = 0;

  constructor(capacity: StepCapacity) {
    this.capacity = capacity;
  }

  get isIdle(): boolean {
    return this.slices.length === 0;
  }

  get numTokensLeft(): number {
    return this.slices.length < this.capacity.numSlices ? this.capacity.numTokens - this.numTokens : 0;
  }

  get numOutputsLeft(): number {
    return this.capacity.numOutputs - this.numOutputs;
  }

  /** Whether the entries of one more sampling row fit; if not, the sequence waits for a later step. */
  hasRoomToSample(sequence: Sequence): boolean {
    return (
      this.numOutputsLeft >= 1 &&
      this.#numSeen + sequence.numSeenEntries <= this.capacity.numSeen &&
      this.#numBias + sequence.numBiasEntries <= this.capacity.numBias
    );
  }

  /** Notes that `limit` held something back; of several the gravest kind counts, and of these the first. */
  holdBack(limit: BindingLimit, kind: Exclude<keyof typeof holdKinds, "nothing">): void {
    if (holdKinds[kind] <= this.#gravity) return;
    this.#gravity = holdKinds[kind];
    this.heldBackBy = limit;
  }

  add(slice: SequenceSlice): void {
    this.slices.push(slice);
    this.numTokens += slice.numTokens;
    this.numOutputs += slice.numScored;
    this.numAttended += attendedPositions(slice.startPosition, slice.numTokens);
    if (slice.samplesToken) this.#addSamplingRow(slice);
    invariant(this.numTokens <= this.capacity.numTokens, () => `${this.numTokens} tokens in one step`);
    invariant(
      this.numOutputs <= this.capacity.numOutputs,
      () => `${this.numOutputs} output rows in one step`,
    );
  }

  #addSamplingRow(slice: SequenceSlice): void {
    this.numOutputs++;
    this.#numSeen += slice.sequence.numSeenEntries;
    this.#numBias += slice.sequence.numBiasEntries;
    if (slice.numTokens === 1) this.numDecodes++;
  }
}

/** Positions seen by tokens [start, start + numTokens) of a sequence, summed: token p sees p + 1. */
function attendedPositions(start: number, numTokens: number): number {
  return numTokens * start + (numTokens * (numTokens + 1)) / 2;
}
