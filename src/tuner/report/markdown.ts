/** @module The report for people who read text. */
import { describeValue, figureOf, type Outcome } from "../goal/goal.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import { gainText, type ReportedSetting, reportedMetrics, type TuneReport } from "./tune-report.ts";

export function markdownReport(report: TuneReport): string {
  return [
    `# Tuning of ${report.model}`,
    "",
    report.verdict,
    "",
    "```sh",
    report.serveCommand,
    "```",
    "",
    ...facts(report),
    "",
    ...markdownTables(report).flatMap(({ heading, header, rows }) => [
      `## ${heading}`,
      "",
      ...table(header, rows),
      "",
    ]),
    "## Notes",
    "",
    ...report.notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

export interface ReportTable {
  readonly heading: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of the report, in their order. */
export function markdownTables(report: TuneReport): readonly ReportTable[] {
  return [settingsTable(report), duelTable(report), trialTable(report), ...predictionTables(report)];
}

function duelTable({ duels }: TuneReport): ReportTable {
  return {
    heading: "Comparisons",
    header: ["setting", "gain over the present setting", "verdict"],
    rows: duels.map(({ flags, comparison }) => [flags, gainText(comparison), comparison.verdict]),
  };
}

function facts(report: TuneReport): string[] {
  const { stepTimes } = report;
  const lines = [
    `- Goal: ${report.goalText}`,
    `- Load: ${report.load}`,
    `- Machine: ${report.machine}; Pagoda ${report.pagodaVersion}, Node ${report.nodeVersion}`,
    `- When: ${report.createdAt}`,
    `- To repeat: \`${report.command}\``,
  ];
  if (stepTimes !== null)
    lines.push(
      `- Simulated: ${report.simulated.length} different outcomes; step times ${stepTimes.origin}${stepTimes.medianError === null ? "" : ` (half of the steps within ${(100 * stepTimes.medianError).toFixed(0)} %)`}`,
    );
  lines.push(`- Pruned by the planner, never started: ${report.numPruned}`);
  return lines;
}

function settingsTable({ present, winner }: TuneReport): ReportTable {
  const columns = winner === null ? [present] : [present, winner];
  const name = ({ flags }: ReportedSetting): string => (flags === "" ? "present" : flags);
  const rows: string[][] = reportedMetrics.map((metric) => [
    metric,
    ...columns.map(({ medians, ranges }) => {
      const [low = 0, high = 0] = ranges[metric] ?? [];
      return `${describeValue(metric, medians[metric] ?? Number.NaN)} (${describeValue(metric, low)} – ${describeValue(metric, high)})`;
    }),
  ]);
  rows.push([
    "binding limits",
    ...columns.map(({ limits }) =>
      limits === null
        ? "unknown"
        : limits
            .slice(0, 3)
            .map(([limit, share]) => `${limit} ${Math.round(100 * share)} %`)
            .join(", "),
    ),
  ]);
  return {
    heading: "Present and winner: medians of the rounds in turns (smallest – largest)",
    header: ["", ...columns.map(name)],
    rows,
  };
}

function trialTable({ trials }: TuneReport): ReportTable {
  return {
    heading: "Trials",
    header: [
      "#",
      "phase",
      "load",
      "setting",
      "tokens/s",
      "P50 TTFT",
      "P99 TTFT",
      "P99 ITL",
      "preempted",
      "others' CPU",
    ],
    rows: trials.map(({ phase, seed, flags, figures, otherCpuShare }, i) => [
      String(i + 1),
      phase,
      String(seed),
      flags === "" ? "present" : flags,
      describeValue("tokens/s", figures.outputTokensPerSecond),
      describeValue("p50-ttft", figures.p50TtftMs),
      describeValue("p99-ttft", figures.p99TtftMs),
      describeValue("p99-itl", figures.p99ItlMs),
      String(figures.numPreemptions),
      otherCpuShare === null ? "–" : `${Math.round(100 * otherCpuShare)} %`,
    ]),
  };
}

/** Errors of the simulator on the loads that were measured. */
function predictionErrors(report: TuneReport): readonly (readonly [string, number])[] {
  const names = ["outputTokensPerSecond", "p50TtftMs", "p99TtftMs", "p99ItlMs"] as const;
  const predicted = report.trials.flatMap((trial) =>
    trial.predicted === null ? [] : [{ figures: trial.figures, predicted: trial.predicted }],
  );
  if (predicted.length === 0) return [];
  return names.map((name) => {
    const errors = predicted.map((trial) => errorOf(name, trial)).sort((a, b) => a - b);
    return [name, errors[Math.floor(errors.length / 2)] ?? 0] as const;
  });
}

function errorOf(
  name: keyof LoadFigures,
  { figures, predicted }: { readonly figures: LoadFigures; readonly predicted: LoadFigures },
): number {
  return Math.abs(predicted[name] / figures[name] - 1);
}

const errorTitles: Readonly<Record<string, string>> = {
  outputTokensPerSecond: "tokens/s",
  p50TtftMs: "P50 TTFT",
  p99TtftMs: "P99 TTFT",
  p99ItlMs: "P99 ITL",
};

function predictionTables(report: TuneReport): readonly ReportTable[] {
  const errors = predictionErrors(report);
  if (errors.length === 0) return [];
  return [
    {
      heading: "Median error of the simulator on the measured loads",
      header: ["figure", "error"],
      rows: errors.map(([name, error]) => [errorTitles[name] ?? name, `${(100 * error).toFixed(1)} %`]),
    },
    {
      heading: "The best by simulation",
      header: ["setting", "tokens/s", "P99 TTFT", "P99 ITL"],
      rows: report.simulated
        .slice(0, 10)
        .map(({ flags, predicted }) => [
          flags === "" ? "present" : flags,
          cell("tokens/s", predicted),
          cell("p99-ttft", predicted),
          cell("p99-itl", predicted),
        ]),
    },
  ];
}

function cell(metric: Parameters<typeof figureOf>[0], outcome: Outcome): string {
  return describeValue(metric, figureOf(metric, outcome));
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)];
}
