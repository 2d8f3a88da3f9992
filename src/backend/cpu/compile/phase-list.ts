/** @module Collects phases in order, joining consecutive jobs on the same rows into one. */
import type { Exchange, Job, Phase, PhaseKind, Split } from "./phase.ts";

interface NewPhase {
  readonly kind: PhaseKind;
  readonly split: Split;
  readonly jobs: readonly Job[];
  readonly unitMacs?: number;
  readonly isRepeatable?: boolean;
  readonly isHeadwise?: boolean;
  readonly prepare?: Job | null;
  readonly arenaCopy?: Phase["arenaCopy"];
  readonly exchange?: Phase["exchange"];
}

export class PhaseList {
  readonly phases: Phase[] = [];

  add(phase: NewPhase): void {
    this.phases.push({
      unitMacs: 0,
      isRepeatable: false,
      isHeadwise: false,
      prepare: null,
      arenaCopy: null,
      exchange: null,
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

  addExchange(exchange: Exchange): void {
    this.add({ kind: "exchange", split: "whole", jobs: [], exchange });
  }

  addArenaCopy(arenaCopy: Phase["arenaCopy"]): void {
    this.add({ kind: "arenaCopy", split: "whole", jobs: [], arenaCopy });
  }
}
