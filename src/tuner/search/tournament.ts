/**
 * @module Measures settings against the present one: all once, then the best of them in turns with the present one, under
 * new loads, until it is better beyond noise or surely not. Only what was measured in turns decides: the best of many
 * single trials is best by luck too.
 */
import type { BindingLimit } from "../../core/observation/binding-limit.ts";
import { compareOutcomes, type Goal, type Outcome } from "../goal/goal.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { type Comparison, compareRounds, leastRounds, type Round } from "./paired-comparison.ts";

export interface Measurement {
  readonly figures: LoadFigures;
  /** Milliseconds of steps by what bound them; null where nobody knows. */
  readonly limitMs: Readonly<Record<BindingLimit, number>> | null;
  /** Of all processors, taken by other processes meanwhile; null where it cannot be read. */
  readonly otherCpuShare: number | null;
  readonly isSaturated: boolean;
}

/** A setting that can be measured. */
export interface Contender {
  /** Flags that differ from the present setting; empty: the present setting. */
  readonly flags: string;
  readonly memoryBytes: number;
  measure(traffic: Traffic, stop: AbortSignal): Promise<Measurement>;
  /** By simulation of the same requests; null where there is none. */
  predict(traffic: Traffic): LoadFigures | null;
}

export interface Screened {
  readonly contender: Contender;
  readonly outcome: Outcome;
}

export interface Trial extends Measurement {
  readonly flags: string;
  readonly phase: "screening" | "comparison";
  readonly seed: number;
  readonly outcome: Outcome;
  readonly predicted: LoadFigures | null;
}

export interface Duel {
  readonly flags: string;
  readonly comparison: Comparison;
  /** Rounds that were not counted, as other programs took more of the machine in one half than in the other. */
  readonly numDisturbed: number;
}

export interface TournamentResult {
  readonly trials: readonly Trial[];
  readonly duels: readonly Duel[];
  /** null: nothing is better beyond noise. */
  readonly winner: Contender | null;
}

export interface TournamentInputs {
  readonly goal: Goal;
  readonly traffic: (seed: number) => Traffic;
  readonly firstSeed: number;
  readonly maxTrials: number;
  readonly onTrial: (trial: Trial, numDone: number) => void;
  readonly stop: AbortSignal;
}

const mostScreened = 6;
const mostRounds = 6;
/** Difference of the shares of the machine that others took in the halves of a round. */
const mostDisturbance = 0.25;

/** How many challengers a number of trials suffices for. */
export function numChallengersFor(maxTrials: number): number {
  return Math.max(1, Math.min(mostScreened, maxTrials - 1 - 2 * leastRounds));
}

export class Tournament {
  readonly #present: Contender;
  readonly #inputs: TournamentInputs;
  readonly #trials: Trial[] = [];
  readonly #duels: Duel[] = [];
  /** A load of its own for every screening and every round: no prefix is cached from one to the next. */
  #seed: number;

  constructor(present: Contender, inputs: TournamentInputs) {
    this.#present = present;
    this.#inputs = inputs;
    this.#seed = inputs.firstSeed;
  }

  /** @param combine what to screen besides, after the others; null: nothing */
  async run(
    challengers: readonly Contender[],
    combine: (screened: readonly Screened[], present: Outcome) => Contender | null = () => null,
  ): Promise<TournamentResult> {
    let winner: Contender | null = null;
    for (const challenger of await this.#screened(challengers, combine)) {
      if (this.#numLeft < 2 * leastRounds) break;
      const duel = await this.#duel(challenger);
      this.#duels.push(duel);
      if (duel.comparison.verdict !== "better") continue;
      winner = challenger;
      break;
    }
    return { trials: this.#trials, duels: this.#duels, winner };
  }

  get #numLeft(): number {
    return this.#inputs.maxTrials - this.#trials.length;
  }

  /** The best first. One alone needs no screening. */
  async #screened(
    challengers: readonly Contender[],
    combine: (screened: readonly Screened[], present: Outcome) => Contender | null,
  ): Promise<readonly Contender[]> {
    const chosen = challengers.slice(0, numChallengersFor(this.#inputs.maxTrials));
    if (chosen.length < 2) return chosen;
    const seed = this.#seed++;
    const { outcome: present } = await this.#trial(this.#present, "screening", seed);
    const screened: Screened[] = [];
    const screen = async (contender: Contender): Promise<void> => {
      screened.push({ contender, outcome: (await this.#trial(contender, "screening", seed)).outcome });
    };
    for (const challenger of chosen) await screen(challenger);
    const combined = this.#numLeft > 2 * leastRounds ? combine(screened, present) : null;
    if (combined !== null) await screen(combined);
    return screened
      .sort((a, b) => compareOutcomes(this.#inputs.goal, a.outcome, b.outcome))
      .map(({ contender }) => contender);
  }

  /** In turns, A B A B, each round under the same requests. */
  async #duel(challenger: Contender): Promise<Duel> {
    const rounds: (Round & { readonly isDisturbed: boolean })[] = [];
    let comparison: Comparison;
    do {
      const seed = this.#seed++;
      const present = await this.#trial(this.#present, "comparison", seed);
      const changed = await this.#trial(challenger, "comparison", seed);
      rounds.push({
        present: present.outcome,
        challenger: changed.outcome,
        isDisturbed: isDisturbed(present, changed),
      });
      comparison = compareRounds(this.#inputs.goal, countedOf(rounds));
    } while (comparison.verdict === "undecided" && rounds.length < mostRounds && this.#numLeft >= 2);
    return {
      flags: challenger.flags,
      comparison,
      numDisturbed: rounds.length - countedOf(rounds).length,
    };
  }

  async #trial(contender: Contender, phase: Trial["phase"], seed: number): Promise<Trial> {
    const { traffic: trafficOf, stop, onTrial } = this.#inputs;
    stop.throwIfAborted();
    const traffic = trafficOf(seed);
    const measured = await contender.measure(traffic, stop);
    const trial: Trial = {
      ...measured,
      flags: contender.flags,
      phase,
      seed,
      outcome: { figures: measured.figures, memoryBytes: contender.memoryBytes },
      predicted: contender.predict(traffic),
    };
    this.#trials.push(trial);
    onTrial(trial, this.#trials.length);
    return trial;
  }
}

function isDisturbed(one: Measurement, other: Measurement): boolean {
  if (one.otherCpuShare === null || other.otherCpuShare === null) return false;
  return Math.abs(one.otherCpuShare - other.otherCpuShare) > mostDisturbance;
}

/** The undisturbed ones where there are enough of them, else all. */
function countedOf<R extends { readonly isDisturbed: boolean }>(rounds: readonly R[]): readonly R[] {
  const undisturbed = rounds.filter((round) => !round.isDisturbed);
  return undisturbed.length >= leastRounds ? undisturbed : rounds;
}
