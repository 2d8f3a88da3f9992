/**
 * @module `pagoda tune --watch` on a real server under a load that changes its shape three times.
 *
 *   node scripts/eval-watch.ts [--seconds N] [--record]
 *
 * A server starts with settings that suit none of the shapes. Clients measure what they wait for; each second is judged by
 * the fifteen seconds before it. `--record` writes the section of docs/tuner-accuracy.md. Exits 1 where a goal is missed.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median, percentile } from "../src/core/statistics.ts";
import { startServer } from "../src/process/server-process.ts";
import { endWithSignals } from "../src/process/started-processes.ts";
import { conditions, recordSection } from "./tuner-trials/record.ts";
import { type Duration, playShapes, type Shape } from "./tuner-trials/watched-load.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "85" }, record: { type: "boolean", default: false } },
});
const seconds = Number(values.seconds);
const limits = { itlMs: 150, ttftMs: 3000 } as const;
const windowMs = 15_000;
const firstMinuteMs = 60_000;
const start = { maxNumSeqs: 4, maxStepMs: 400, maxNumBatchedTokens: 1024 } as const;
const rails = "max-num-seqs=1:32 max-step-ms=20:800 max-num-batched-tokens=64:1024";
const shapes: readonly Shape[] = [
  {
    name: "chat: 8 users, prompts of 64–256, outputs of 32–64",
    numUsers: 8,
    prompt: [64, 256],
    output: [32, 64],
  },
  {
    name: "documents: 3 users, prompts of 500–900, outputs of 40–60",
    numUsers: 3,
    prompt: [500, 900],
    output: [40, 60],
  },
  {
    name: "crowd: 24 users, prompts of 16–48, outputs of 16–32",
    numUsers: 24,
    prompt: [16, 48],
    output: [16, 32],
  },
  {
    name: "chat again: 12 users, prompts of 100–300, outputs of 16–48",
    numUsers: 12,
    prompt: [100, 300],
    output: [16, 48],
  },
];

interface JournalLine {
  readonly at: string;
  readonly kind: "wait" | "keep" | "change" | "rollback";
  readonly why: string;
}

endWithSignals();
const program = fileURLToPath(new URL("../bin/pagoda.js", import.meta.url));
const model = "watched";
const server = await startServer({
  name: "pagoda serve",
  command: process.execPath,
  args: (port) => [
    ...[program, "serve", "--memory", "900MiB", "--max-num-seqs", "32", "--max-model-len", "1024"],
    ...["--max-num-batched-tokens", "1024", "--served-model-name", model, "--port", String(port)],
    ...["--log-level", "warn"],
  ],
  model,
  readyWithinMs: 120_000,
});
const changed = await fetch(`${server.url}/admin/settings`, {
  method: "PATCH",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(start),
});
if (!changed.ok) throw new Error(await changed.text());

const journal: (JournalLine & { readonly atMs: number })[] = [];
const startedMs = performance.now();
const watch = spawn(
  process.execPath,
  [
    ...[program, "tune", "--watch", server.url, "--json", "--rails", rails],
    ...["--subject-to", `p99-itl<${limits.itlMs},p90-ttft<${limits.ttftMs}`],
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
watch.stdout.setEncoding("utf8");
watch.stdout.on("data", (text: string) => {
  for (const line of text.split("\n").filter((part) => part !== "")) {
    const entry = { ...(JSON.parse(line) as JournalLine), atMs: performance.now() - startedMs };
    journal.push(entry);
    console.error(`${(entry.atMs / 1000).toFixed(0)} s ${entry.kind}: ${entry.why}`);
  }
});
const load = await playShapes(server, shapes, seconds);
watch.kill("SIGINT");
await new Promise((resolve) => watch.once("exit", resolve));
await server.stop();

const inWindow = (durations: readonly Duration[], toMs: number): number[] =>
  durations.filter(({ endedMs }) => endedMs > toMs - windowMs && endedMs <= toMs).map(({ ms }) => ms);
/** By how much limits are missed, as a share of each; null: too little ended. */
function missedAt(toMs: number): number | null {
  const [gaps, ttfts] = [inWindow(load.gaps, toMs), inWindow(load.ttfts, toMs)];
  if (gaps.length === 0 || ttfts.length === 0) return null;
  const excess = (value: number, limit: number): number => Math.max(0, value / limit - 1);
  return excess(percentile(gaps, 0.99), limits.itlMs) + excess(percentile(ttfts, 0.9), limits.ttftMs);
}
const wholeMs = shapes.length * seconds * 1000;
const judged = Array.from({ length: Math.floor(wholeMs / 1000) }, (_, i) => {
  const atMs = (i + 1) * 1000;
  return {
    atMs,
    shape: Math.min(shapes.length - 1, Math.floor((atMs - 1) / (seconds * 1000))),
    missed: missedAt(atMs),
  };
}).filter(({ missed }) => missed !== null);
const heldShare = (some: typeof judged): number =>
  some.filter(({ missed }) => missed === 0).length / some.length;
const sinceChangeMs = ({ atMs, shape }: (typeof judged)[number]): number => atMs - shape * seconds * 1000;
const settled = judged.filter((second) => sinceChangeMs(second) > firstMinuteMs);
const afterFirst = judged.filter(({ atMs }) => atMs > firstMinuteMs);

/** A change after which limits were missed by more than before, under the same shape, when nothing else was changed. */
const changes = journal.filter(({ kind }) => kind === "change" || kind === "rollback");
const shapeAt = (ms: number): number => Math.floor(ms / (seconds * 1000));
const harmful = changes.filter(({ kind, atMs }, index) => {
  const untilMs = Math.min(atMs + 20_000, changes[index + 1]?.atMs ?? wholeMs, wholeMs);
  if (kind === "rollback" || shapeAt(atMs - windowMs) !== shapeAt(untilMs - 1)) return false;
  const [was, is] = [missedAt(atMs), missedAt(untilMs)];
  return was !== null && is !== null && is > was + 0.1;
});
const takenBack = harmful.filter(({ atMs }) => {
  const next = changes.find((other) => other.atMs > atMs);
  return next !== undefined && (next.kind === "rollback" || next.why.includes("taken back"));
});

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const rows = shapes.map(({ name }, index) => {
  const of = judged.filter(({ shape }) => shape === index);
  const firstHeld = of.find((second) => of.every((other) => other.atMs < second.atMs || other.missed === 0));
  const late = settled.filter(({ shape }) => shape === index).map(({ atMs }) => atMs);
  const at = late.at(-1) ?? 0;
  const settledFrom = firstHeld === undefined ? "–" : `${Math.round(sinceChangeMs(firstHeld) / 1000)} s`;
  return `| ${name} | ${percent(heldShare(of))} | ${percent(heldShare(settled.filter(({ shape }) => shape === index)))} | ${settledFrom} | ${percentile(inWindow(load.gaps, at), 0.99).toFixed(0)} ms | ${percentile(inWindow(load.ttfts, at), 0.9).toFixed(0)} ms |`;
});
const lines = journal
  .filter(({ kind }) => kind !== "wait")
  .map(({ atMs, kind, why }) => `| ${(atMs / 1000).toFixed(0)} s | ${kind} | ${why} |`);
const meets = heldShare(settled) >= 0.95 && load.failures.length === 0 && takenBack.length === harmful.length;
const section = `## Watching a load that changes its shape three times

\`pagoda tune --watch\` on a real server (SmolLM2-135M-Instruct, 32 seats allocated), limits P99 between tokens ${limits.itlMs} ms and P90 to the first token ${limits.ttftMs} ms. It starts with settings that suit none of the shapes: ${start.maxNumSeqs} seats, steps of ${start.maxStepMs} ms. Clients measure; each second counts as held if the ${windowMs / 1000} seconds before it keep both limits. Each shape lasts ${seconds} s. ${conditions()}.

| | measured | goal |
|---|---|---|
| goal held, from one minute after each change of the load on | ${percent(heldShare(settled))} | ≥ 95 % |
| goal held, all of the time after the first minute, changes of the load included | ${percent(heldShare(afterFirst))} | |
| requests, failed | ${load.numRequests}, ${load.failures.length} | 0 |
| harmful changes, of them taken back | ${harmful.length}, ${takenBack.length} | all |

| load | held | held after its first minute | held for good after | P99 between tokens at the end | P90 to the first token |
|---|---|---|---|---|---|
${rows.join("\n")}

| at | action | reason |
|---|---|---|
${lines.join("\n")}

Median time between tokens: ${median(load.gaps.map(({ ms }) => ms)).toFixed(0)} ms. To repeat: \`node scripts/eval-watch.ts --record\`.
`;
console.log(section);
for (const failure of load.failures.slice(0, 10)) console.error(failure);
if (values.record) recordSection(section);
process.exit(meets ? 0 : 1);
