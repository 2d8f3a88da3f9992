/** @module Collects phases in order, joining consecutive jobs on the same rows into one. */
import type { Job, Phase, PhaseKind, Split } from "./phase.ts";

interface NewPhase {
  readonly kind: PhaseKind;
  readonly split: Split;
  readonly jobs: readonly Job[];
  readonly unitMacs?: number;
  readonly isRepeatable?: boolean;
  readonly isHeadwise?: boolean;
  readonly prepares?: readonly Job[];
  /** Of each job, ascending; absent: all are of one rank. */
  readonly ranks?: readonly number[];
  readonly arenaCopy?: Phase["arenaCopy"];
}

export class PhaseList {
  readonly phases: Phase[] = [];

  add({ ranks = [], ...phase }: NewPhase): void {
    this.phases.push({
      rankEnds: rankEnds(phase.jobs, ranks),
      unitMacs: 0,
      isRepeatable: false,
      isHeadwise: false,
      prepares: [],
      arenaCopy: null,
      ...phase,
    });
  }

  /**
   * Adds a job on token or output rows. It joins the previous phase if that has the same split, since a row depends only on
   * itself. Headwise jobs join only headwise phases (`Phase.isHeadwise`).
   */
  addRows(
    kind: PhaseKind,
    split: "tokenRows" | "outputRows",
    job: Job,
    isRepeatable: boolean,
    isHeadwise = false,
  ): void {
    const last = this.phases.at(-1);
    const isAlike = last?.split === split && last.isHeadwise === isHeadwise;
    if (!isAlike || last.kind === "sample" || kind === "sample") {
      this.add({ kind, split, jobs: [job], isRepeatable, isHeadwise });
      return;
    }
    this.phases[this.phases.length - 1] = {
      ...last,
      jobs: [...last.jobs, job],
      isRepeatable: last.isRepeatable && isRepeatable,
    };
  }

  addArenaCopy(arenaCopy: Phase["arenaCopy"]): void {
    this.add({ kind: "arenaCopy", split: "whole", jobs: [], arenaCopy });
  }
}

/** As in `Phase`. */
function rankEnds(jobs: readonly Job[], ranks: readonly number[]): readonly number[] {
  const numRanks = (ranks.at(-1) ?? 0) + 1;
  if (numRanks === 1) return [];
  return [...Array(numRanks).keys()].map((last) =>
    jobs.reduce((sum, job, at) => ((ranks[at] ?? 0) <= last ? sum + job.numUnits : sum), 0),
  );
}
