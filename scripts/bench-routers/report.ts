/** @module The report of the comparison, in Markdown. */
import { cpus, loadavg } from "node:os";
import type { DecisionTime } from "./decision.ts";
import type { ScrapeTimes } from "./scrape.ts";

export interface Measured {
  /** Processor time of the router for each request with a 2 KB, and a 16 KB prompt. */
  readonly smallMs: number;
  readonly largeMs: number;
  /** Requests a second with 2 KB prompts. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly eventsPerSecond: number;
  readonly perEventUs: number;
  readonly residentBytes: number;
}

export interface ReportParts {
  readonly rounds: ReadonlyMap<string, readonly Measured[]>;
  readonly names: readonly string[];
  readonly decisions: readonly (DecisionTime & { readonly bytes: number })[];
  readonly directEventsPerSecond: number;
  readonly scrape: ScrapeTimes | null;
  readonly median: (values: readonly number[]) => number;
}

const columns: readonly (readonly [string, (measured: Measured) => number, number])[] = [
  ["ms a request, 2 KB", ({ smallMs }) => smallMs, 3],
  ["ms a request, 16 KB", ({ largeMs }) => largeMs, 3],
  ["requests/s", ({ perSecond }) => perSecond, 0],
  ["added P50, ms", ({ p50Ms }) => p50Ms, 2],
  ["added P99, ms", ({ p99Ms }) => p99Ms, 2],
  ["events/s", ({ eventsPerSecond }) => eventsPerSecond, 0],
  ["µs an event", ({ perEventUs }) => perEventUs, 1],
  ["memory, MiB", ({ residentBytes }) => residentBytes / 2 ** 20, 0],
];

/** The table; what is around it is kept by hand in the document. */
export function reportOf({
  rounds,
  names,
  decisions,
  directEventsPerSecond,
  scrape,
  median,
}: ReportParts): string {
  const rows = names.map((name) => {
    const measured = rounds.get(name) ?? [];
    const cells = columns.map(([, of, digits]) => median(measured.map(of)).toFixed(digits));
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  const numRounds = rounds.get(names[0] ?? "")?.length ?? 0;
  const decided = decisions.map(
    ({ bytes, us, withJsonUs }) =>
      `| a decision for a ${bytes / 1024} KB prompt among four instances | ${us.toFixed(1)} µs; ${withJsonUs.toFixed(1)} µs with reading its JSON |`,
  );
  const scraped =
    scrape === null
      ? []
      : [
          `| \`/metrics\`, 20 times a second (${(scrape.bytes / 1024).toFixed(0)} KB) | P50 ${scrape.p50Ms.toFixed(2)} ms, P99 ${scrape.p99Ms.toFixed(2)} ms; ${scrape.processorMs.toFixed(2)} ms of the processor |`,
        ];
  return `Written by \`npm run bench:routers\` on ${new Date().toISOString().slice(0, 10)}: medians of ${numRounds} rounds, ${cpus().length} cores of ${cpus()[0]?.model ?? "?"}, load ${loadavg()[0]?.toFixed(1)} at the end. Each router has one core; four endpoints that compute nothing and the clients share the other.

| router | ${columns.map(([name]) => name).join(" | ")} |
|---|${columns.map(() => "---:").join("|")}|
${rows.join("\n")}

| | |
|---|---|
${[...decided, ...scraped].join("\n")}
| events a second without a router | ${directEventsPerSecond.toFixed(0)} |
`;
}

const [begin, end] = ["<!-- figures of npm run bench:routers -->\n", "<!-- end of these figures -->"];

/** The document with these figures in place of those that it has. */
export function withFigures(document: string, report: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new TypeError(`the document has no lines ${begin.trim()} and ${end}`);
  return `${document.slice(0, from)}${begin}\n${report}\n${document.slice(to)}`;
}
