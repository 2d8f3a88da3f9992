/** @module The evaluation table: by engine and for all, complete cases and the rest. */
import type { PreparedCase } from "./cases.ts";
import type { Judgement } from "./judge.ts";

export interface Spread {
  readonly numCases: number;
  readonly median: number;
  readonly p90: number;
  readonly worst: number;
}

export interface Section {
  readonly numCases: number;
  readonly arithmetic: {
    readonly numChecks: number;
    readonly numExact: number;
    readonly misses: readonly string[];
  };
  readonly weights: Spread;
  readonly kvOfTotal: Spread;
  readonly kvOfKv: Spread;
  readonly interval: { readonly numInside: number; readonly numCases: number; readonly medianWidth: number };
  readonly verdict: {
    readonly numCases: number;
    readonly numRight: number;
    readonly fitsButDied: number;
    readonly refusedButStarted: number;
    readonly numStarted: number;
    readonly wrong: readonly string[];
  };
}

export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly isMet: boolean;
}

export interface Report {
  readonly schema: "pagoda.eval-planner/1";
  readonly used: number;
  readonly skipped: readonly { readonly why: string; readonly numCases: number }[];
  readonly sections: Readonly<Record<string, Section>>;
  readonly goals: readonly Goal[];
  readonly worst: readonly {
    readonly id: string;
    readonly errorOfTotal: number;
    readonly component: string;
    readonly assumed: readonly string[];
  }[];
  readonly capacity: CapacityReport | null;
}

export interface CapacityReport {
  readonly numCases: number;
  readonly numExact: number;
  readonly misses: readonly string[];
}

/** Nearest-rank percentiles of absolute errors. */
function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { numCases: sorted.length, median: at(0.5), p90: at(0.9), worst: at(1) };
}

function sectionOf(judgements: readonly Judgement[]): Section {
  const checks = judgements.flatMap(({ row, arithmetic }) =>
    arithmetic.map((check) => ({ id: row.id, ...check })),
  );
  const kv = judgements.flatMap((judgement) => (judgement.kv === null ? [] : [judgement.kv]));
  const verdicts = judgements.flatMap(({ row, verdict }) =>
    verdict === null ? [] : [{ id: row.id, ...verdict }],
  );
  return {
    numCases: judgements.length,
    arithmetic: {
      numChecks: checks.length,
      numExact: checks.filter(({ isExact }) => isExact).length,
      misses: checks
        .filter(({ isExact }) => !isExact)
        .map(({ id, what, ours, theirs }) => `${id}: ${what} ${ours}, log ${theirs}`),
    },
    weights: spreadOf(
      judgements.flatMap(({ weightsError }) => (weightsError === null ? [] : [weightsError])),
    ),
    kvOfTotal: spreadOf(kv.map(({ errorOfTotal }) => errorOfTotal)),
    kvOfKv: spreadOf(kv.map(({ errorOfKv }) => errorOfKv)),
    interval: {
      numInside: kv.filter(({ isInside }) => isInside).length,
      numCases: kv.length,
      medianWidth: spreadOf(kv.map(({ widthOfTotal }) => widthOfTotal)).median,
    },
    verdict: {
      numCases: verdicts.length,
      numRight: verdicts.filter(({ isRight }) => isRight).length,
      fitsButDied: verdicts.filter(({ ours, theirs }) => ours === "fits" && theirs === "dies").length,
      refusedButStarted: verdicts.filter(
        ({ ours, theirs }) => ours !== "fits" && ours !== "uncertain" && theirs === "fits",
      ).length,
      numStarted: verdicts.filter(({ theirs }) => theirs === "fits").length,
      wrong: verdicts
        .filter(({ isRight }) => !isRight)
        .map(({ id, ours, theirs }) => `${id}: ${ours}, log ${theirs}`),
    },
  };
}

const atMost = (name: string, value: number, limit: number): Goal => ({
  name,
  value,
  limit,
  isMet: Number.isNaN(value) || value <= limit,
});
const atLeast = (name: string, value: number, limit: number): Goal => ({
  name,
  value,
  limit,
  isMet: Number.isNaN(value) || value >= limit,
});

function goalsOf(complete: Section, all: Section, capacity: CapacityReport | null): Goal[] {
  return [
    atLeast("complete: arithmetic exact", complete.arithmetic.numExact / complete.arithmetic.numChecks, 1),
    atMost("complete: weights, median", complete.weights.median, 0.001),
    atMost("complete: weights, P90", complete.weights.p90, 0.01),
    atMost("complete: available KV of the total, median", complete.kvOfTotal.median, 0.005),
    atMost("complete: available KV of the total, P90", complete.kvOfTotal.p90, 0.025),
    atMost("complete: available KV of the KV, median", complete.kvOfKv.median, 0.02),
    atLeast(
      "complete: true value inside the interval",
      complete.interval.numInside / complete.interval.numCases,
      0.9,
    ),
    atMost("complete: interval width of the total, median", complete.interval.medianWidth, 0.03),
    atLeast("complete: verdicts right", complete.verdict.numRight / complete.verdict.numCases, 0.95),
    atMost("complete: said to fit, died", complete.verdict.fitsButDied, 0),
    atMost(
      "complete: started, said to be refused",
      complete.verdict.refusedButStarted / complete.verdict.numStarted,
      0.05,
    ),
    atMost("all: available KV of the total, median", all.kvOfTotal.median, 0.012),
    atMost("all: available KV of the total, P90", all.kvOfTotal.p90, 0.05),
    ...(capacity === null
      ? []
      : [atLeast("real vLLM on small configurations exact", capacity.numExact / capacity.numCases, 1)]),
  ];
}

function skippedOf(prepared: readonly PreparedCase[]): Report["skipped"] {
  const counts = new Map<string, number>();
  for (const item of prepared)
    if (item.kind === "skipped") counts.set(item.why, (counts.get(item.why) ?? 0) + 1);
  return [...counts].map(([why, numCases]) => ({ why, numCases })).sort((a, b) => b.numCases - a.numCases);
}

export function reportOf(
  prepared: readonly PreparedCase[],
  judgements: readonly Judgement[],
  capacity: CapacityReport | null,
): Report {
  const of = (keep: (judgement: Judgement) => boolean): Section => sectionOf(judgements.filter(keep));
  const complete = of(({ isComplete }) => isComplete);
  const all = sectionOf(judgements);
  const worst = judgements
    .flatMap(({ row, kv, worstComponent, assumed }) =>
      kv === null ? [] : [{ id: row.id, errorOfTotal: kv.errorOfTotal, component: worstComponent, assumed }],
    )
    .sort((a, b) => b.errorOfTotal - a.errorOfTotal)
    .slice(0, 10);
  return {
    schema: "pagoda.eval-planner/1",
    used: judgements.length,
    skipped: skippedOf(prepared),
    sections: {
      complete,
      incomplete: of(({ isComplete }) => !isComplete),
      vllm: of(({ row }) => row.engine === "vllm"),
      lmdeploy: of(({ row }) => row.engine === "lmdeploy"),
      all,
    },
    goals: goalsOf(complete, all, capacity).filter(
      ({ name, value }) => !Number.isNaN(value) && (all.numCases > 0 || name.startsWith("real vLLM")),
    ),
    worst,
    capacity,
  };
}

const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(share * 100).toFixed(2)} %`);

/** The report for people. */
export function printReport(report: Report): string {
  const hasCases = report.used + report.skipped.length > 0;
  const lines = hasCases
    ? [
        `cases used ${report.used}; skipped:`,
        ...report.skipped.map(({ why, numCases }) => `  ${numCases} × ${why}`),
        "",
      ]
    : [];
  for (const [name, section] of Object.entries(report.sections)) {
    if (section.numCases === 0) continue;
    const { arithmetic, weights, kvOfTotal, kvOfKv, interval, verdict } = section;
    lines.push(
      `${name}: ${section.numCases} cases`,
      `  arithmetic    ${arithmetic.numExact} of ${arithmetic.numChecks} exact`,
      `  weights       ${weights.numCases} cases: median ${percent(weights.median)}, P90 ${percent(weights.p90)}, worst ${percent(weights.worst)}`,
      `  available KV  ${kvOfTotal.numCases} cases: of the total median ${percent(kvOfTotal.median)}, P90 ${percent(kvOfTotal.p90)}, worst ${percent(kvOfTotal.worst)}; of the KV median ${percent(kvOfKv.median)}`,
      `  interval      ${interval.numInside} of ${interval.numCases} inside, median width ${percent(interval.medianWidth)} of the total`,
      `  verdict       ${verdict.numRight} of ${verdict.numCases} right; fits but died ${verdict.fitsButDied}; started but refused ${verdict.refusedButStarted} of ${verdict.numStarted}`,
      ...arithmetic.misses.slice(0, 8).map((miss) => `    ! ${miss}`),
      ...verdict.wrong.slice(0, 8).map((miss) => `    ? ${miss}`),
      "",
    );
  }
  if (hasCases) lines.push("ten worst (available KV):");
  for (const item of report.worst)
    lines.push(
      `  ${percent(item.errorOfTotal).padStart(8)}  ${item.id}: ${item.component}${item.assumed.length === 0 ? "" : ` (assumed: ${item.assumed.join(", ")})`}`,
    );
  if (report.capacity !== null)
    lines.push(
      "",
      `real vLLM, small configurations: ${report.capacity.numExact} of ${report.capacity.numCases} exact`,
      ...report.capacity.misses.map((miss) => `  ! ${miss}`),
    );
  lines.push("", "goals:");
  for (const goal of report.goals)
    lines.push(
      `  ${goal.isMet ? "met   " : "MISSED"} ${goal.name}: ${goal.value.toFixed(4)} (limit ${goal.limit})`,
    );
  return lines.join("\n");
}
