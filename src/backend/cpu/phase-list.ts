/** @module Collects phases in order, joining consecutive jobs on the same rows into one. */
import type { Job, Phase, PhaseKind, Split } from "./phase.ts";

interface NewPhase {
  readonly kind: PhaseKind;
  readonly split: Split;
  readonly jobs: readonly Job[];
  readonly unitMacs?: number;
  readonly isRepeatable?: boolean;
}

export class PhaseList {
  readonly phases: Phase[] = [];

  add({ kind, split, jobs, unitMacs = 0, isRepeatable = false }: NewPhase): void {
    this.phases.push({ kind, split, jobs, unitMacs, isRepeatable, crossing: null });
  }

  /** A job on token or output rows: it joins the phase before it if that is one too, since a row depends on itself only. */
  addRows(kind: PhaseKind, split: "tokenRows" | "outputRows", job: Job, isRepeatable: boolean): void {
    const last = this.phases.at(-1);
    if (last?.split !== split || last.kind === "sample" || kind === "sample") {
      this.add({ kind, split, jobs: [job], isRepeatable });
      return;
    }
    this.phases[this.phases.length - 1] = {
      ...last,
      jobs: [...last.jobs, job],
      isRepeatable: last.isRepeatable && isRepeatable,
    };
  }

  addCrossing(crossing: Phase["crossing"]): void {
    this.phases.push({
      kind: "crossing",
      split: "whole",
      jobs: [],
      unitMacs: 0,
      isRepeatable: false,
      crossing,
    });
  }
}
