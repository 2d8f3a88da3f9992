/** @module How a thread spends its time in a step, and the coordinator's summary of it. Milliseconds. */
import type { StepTiming } from "../../backend.ts";
import { type PhaseKind, phaseKinds } from "../compile/phase.ts";

const barrierIndex = 0;
const endIndex = 1;
const firstKindIndex = 2;

/** Milliseconds of the last step by kind of operation, averaged over the threads. */
export type StepProfile = Readonly<Record<PhaseKind | "barriers", number>>;

/**
 * Records one thread's numbers: time in barriers, the moment at which it reached the end of the step (since 1970, because each
 * thread's `performance.now()` has its own origin), then time in kernels by phase kind.
 */
export class ThreadTimings {
  readonly #numbers: Float64Array;
  #lastMs = 0;
  #barrierMs = 0;
  readonly #kindMs = new Float64Array(phaseKinds.length);
  readonly #indexOfKind: Readonly<Record<PhaseKind, number>> = Object.fromEntries(
    phaseKinds.map((kind, index) => [kind, index]),
  ) as Record<PhaseKind, number>;

  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  start(): void {
    this.#barrierMs = 0;
    this.#kindMs.fill(0);
    this.#lastMs = performance.now();
  }

  kernelsEnded(kind: PhaseKind): void {
    const nowMs = performance.now();
    const index = this.#indexOfKind[kind];
    this.#kindMs[index] = (this.#kindMs[index] as number) + nowMs - this.#lastMs;
    this.#lastMs = nowMs;
  }

  barrierEnded(): void {
    const nowMs = performance.now();
    this.#barrierMs += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
  }

  /** Publishes the step's numbers; the done word, which is stored afterwards, makes them visible. */
  finish(): void {
    this.#numbers[barrierIndex] = this.#barrierMs;
    this.#numbers[endIndex] = performance.timeOrigin + this.#lastMs;
    for (let i = 0; i < this.#kindMs.length; i++)
      this.#numbers[firstKindIndex + i] = this.#kindMs[i] as number;
  }
}

/** The time from a thread's end to the end of the last thread counts as time in barriers. */
export function stepProfile(timings: readonly Float64Array[]): StepProfile {
  const mean = (index: number): number =>
    timings.reduce((sum, numbers) => sum + (numbers[index] ?? 0), 0) / timings.length;
  const lastEndMs = Math.max(...timings.map((numbers) => numbers[endIndex] ?? 0));
  return Object.fromEntries([
    ["barriers", mean(barrierIndex) + lastEndMs - mean(endIndex)],
    ...phaseKinds.map((kind, index) => [kind, mean(firstKindIndex + index)]),
  ]) as Record<PhaseKind | "barriers", number>;
}

export function stepTiming(timings: readonly Float64Array[], totalMs: number): StepTiming {
  const { barriers, ...kinds } = stepProfile(timings);
  const kernelMs = Object.values(kinds).reduce((sum, ms) => sum + ms, 0);
  return { totalMs, kernelMs, barrierMs: barriers };
}
