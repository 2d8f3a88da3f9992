/**
 * @module The tuner against the full grid: every one of 60 settings is measured under a load, and the tuner gets 9 trials.
 *
 *   node scripts/eval-tuner.ts --load 0|1|2 --grid        measures settings until --seconds are over; goes on where it ended
 *   node scripts/eval-tuner.ts --load 0|1|2 --tune        tunes, then compares the best in turns
 *   node scripts/eval-tuner.ts --record                   writes the section of docs/tuner-accuracy.md
 *
 * Results of the steps are kept in `--folder` (default: a folder of the temporary files). Of 60 single measurements the
 * best is best by luck too: the grid's three best, the tuner's answer and the default are measured again in turns.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { grantedProcessors } from "../src/backend/create/index.ts";
import { tuneCommandOptions } from "../src/cli/commands/tuning/tune-command-values.ts";
import { readOptions } from "../src/core/options/read-options.ts";
import { median } from "../src/core/statistics.ts";
import { prepareInstance, resolveSettings } from "../src/instance/index.ts";
import { compareOutcomes, figureOf, type Outcome, violationOf } from "../src/tuner/goal/goal.ts";
import { goalFrom } from "../src/tuner/options/goal-options.ts";
import { setUp, trialEngine } from "../src/tuner/search/setup.ts";
import { tune } from "../src/tuner/search/tune.ts";
import { type Candidate, flagsText, memoryBytesOf } from "../src/tuner/space/candidates.ts";
import { parseKnobs } from "../src/tuner/space/knobs.ts";
import { gridKnobs, gridLoads, tunerTrials } from "./tuner-trials/grid-loads.ts";
import { conditions, recordSection } from "./tuner-trials/record.ts";

const { values } = parseArgs({
  options: {
    load: { type: "string", default: "0" },
    grid: { type: "boolean", default: false },
    tune: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    seconds: { type: "string", default: "330" },
    folder: { type: "string", default: join(tmpdir(), "pagoda-eval-tuner") },
  },
});
const numRounds = 4;
const gridSeed = 501;
const turnsSeed = 601;
const numBest = 3;

interface TunedRecord {
  readonly tunerFlags: string;
  readonly numTrials: number;
  readonly numSimulated: number;
  /** Flags → the outcomes of the rounds. */
  readonly turns: Readonly<Record<string, readonly Outcome[]>>;
  readonly conditions: string;
}
type GridRecord = Record<string, Outcome>;

mkdirSync(values.folder, { recursive: true });
const pathOf = (kind: "grid" | "tuned", load: number): string => join(values.folder, `${kind}-${load}.json`);
const read = <T>(path: string, otherwise: T): T =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : otherwise;

async function setupOf(load: number) {
  const given = gridLoads[load]?.given ?? {};
  const options = readOptions(tuneCommandOptions, given, {});
  const numProcessors = grantedProcessors();
  const prepared = await prepareInstance(null, resolveSettings(options, numProcessors), () => undefined);
  const knobs = parseKnobs(gridKnobs);
  const setup = await setUp({ prepared, load: options, knobs, given, environment: {}, numProcessors });
  return { setup, options, goal: goalFrom(options, setup.source.isTimed) };
}

const stop = new AbortController().signal;

async function measureGrid(load: number): Promise<void> {
  const { setup } = await setupOf(load);
  const record = read<GridRecord>(pathOf("grid", load), {});
  const engine = trialEngine(setup);
  const traffic = setup.source.traffic(gridSeed, setup.source.numRequests ?? 0);
  const endsMs = performance.now() + Number(values.seconds) * 1000;
  for (const candidate of setup.kept) {
    const flags = flagsText(candidate.knobs);
    if (record[flags] !== undefined) continue;
    if (performance.now() > endsMs) break;
    const { figures } = await engine.run(candidate.prepared, traffic, stop);
    record[flags] = { figures, memoryBytes: memoryBytesOf(candidate) };
    writeFileSync(pathOf("grid", load), JSON.stringify(record));
    console.error(
      `${figures.seconds.toFixed(1)} s ${figures.outputTokensPerSecond.toFixed(0)} tokens/s  ${flags}`,
    );
  }
  await engine.close();
  console.error(`${Object.keys(record).length} of ${setup.kept.length} settings measured.`);
}

async function tuneAndCompare(load: number): Promise<void> {
  const { setup, options, goal } = await setupOf(load);
  const grid = read<GridRecord>(pathOf("grid", load), {});
  const trials = { value: tunerTrials, from: "flag", why: "" } as const;
  const tuned = await tune(
    setup,
    goal,
    { ...options, trials },
    {
      progress: () => undefined,
      onTrial: ({ flags, figures }) =>
        console.error(`tuner: ${figures.outputTokensPerSecond.toFixed(0)} tokens/s  ${flags}`),
      stop,
    },
  );
  const tunerFlags = tuned.winner === null ? "" : flagsText(tuned.winner);
  const best = Object.entries(grid)
    .sort(([, a], [, b]) => compareOutcomes(goal, a, b))
    .slice(0, numBest)
    .map(([flags]) => flags);
  const byFlags = new Map<string, Candidate>(
    [setup.present, ...setup.kept].map((candidate) => [flagsText(candidate.knobs), candidate]),
  );
  const engine = trialEngine(setup);
  const turns: Record<string, Outcome[]> = {};
  for (let round = 0; round < numRounds; round++) {
    const traffic = setup.source.traffic(turnsSeed + round, setup.source.numRequests ?? 0);
    for (const flags of new Set([tunerFlags, ...best, ""])) {
      const candidate = byFlags.get(flags) as Candidate;
      const { figures } = await engine.run(candidate.prepared, traffic, stop);
      turns[flags] = [...(turns[flags] ?? []), { figures, memoryBytes: memoryBytesOf(candidate) }];
    }
  }
  await engine.close();
  const numTrials = tuned.result.trials.length;
  const numSimulated = setup.kept.length + 1;
  const record: TunedRecord = { tunerFlags, numTrials, numSimulated, turns, conditions: conditions() };
  writeFileSync(pathOf("tuned", load), JSON.stringify(record));
}

/** Medians of the rounds. */
function medianOutcome(outcomes: readonly Outcome[]): Outcome {
  const figures = Object.fromEntries(
    Object.keys(outcomes[0]?.figures ?? {}).map((name) => [
      name,
      median(outcomes.map((outcome) => outcome.figures[name as keyof Outcome["figures"]])),
    ]),
  ) as unknown as Outcome["figures"];
  return { figures, memoryBytes: outcomes[0]?.memoryBytes ?? 0 };
}

async function record(): Promise<boolean> {
  let isMet = true;
  const rows: string[] = [];
  let where = "";
  for (const [load, { name }] of gridLoads.entries()) {
    const grid = read<GridRecord>(pathOf("grid", load), {});
    const tuned = read<TunedRecord | null>(pathOf("tuned", load), null);
    if (tuned === null) continue;
    const { goal } = await setupOf(load);
    where = tuned.conditions;
    const medians = Object.entries(tuned.turns).map(
      ([flags, outcomes]) => [flags, medianOutcome(outcomes)] as const,
    );
    const [best] = [...medians].sort(([, a], [, b]) => compareOutcomes(goal, a, b));
    const found = medians.find(([flags]) => flags === tuned.tunerFlags);
    if (best === undefined || found === undefined) continue;
    const of = (outcome: Outcome): number => figureOf(goal.objective, outcome);
    const behind = Math.max(0, 1 - of(found[1]) / of(best[1]));
    const holds = violationOf(goal, found[1]) <= Math.max(0.03, violationOf(goal, best[1]));
    const numSettings = Object.keys(grid).length;
    const isWithin = behind <= 0.03 && holds && tuned.numTrials <= 0.15 * numSettings;
    isMet &&= isWithin;
    const all = Object.values(grid).map(of);
    const shown = (flags: string): string => (flags === "" ? "the default" : `\`${flags}\``);
    rows.push(
      `| ${name} | ${numSettings}, ${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)} | ${shown(best[0])}: ${of(best[1]).toFixed(0)} | ${shown(found[0])}: ${of(found[1]).toFixed(0)} | ${(100 * behind).toFixed(1)} % | ${holds ? "yes" : "no"} | ${tuned.numTrials} (${((100 * tuned.numTrials) / numSettings).toFixed(0)} %) |`,
    );
  }
  const section = `## The tuner against the full grid

Each of ${gridKnobs
    .split(" ")
    .map((knob) => knob.split("=")[1]?.split(",").length)
    .join(
      " × ",
    )} settings of \`--max-num-seqs\`, \`--max-num-batched-tokens\` and \`--max-step-ms\` was measured once on the real engine (SmolLM2-135M-Instruct) under the same requests. The tuner had at most ${tunerTrials} trials of the same length. Then the grid's ${numBest} best, the tuner's answer and the default were measured in turns, ${numRounds} rounds with new requests; the figures are medians of these rounds. Goals: at most 3 % behind the best one with at most 15 % of its trials. ${where}.

| load, goal: most tokens/s | settings measured, their tokens/s | best | the tuner's answer | behind | limits kept | trials |
|---|---|---|---|---|---|---|
${rows.join("\n")}

To repeat: \`node scripts/eval-tuner.ts --load N --grid\`, the same with \`--tune\`, for each load, then \`--record\`.
`;
  console.log(section);
  if (rows.length === gridLoads.length) recordSection(section);
  return isMet;
}

if (values.grid) await measureGrid(Number(values.load));
if (values.tune) await tuneAndCompare(Number(values.load));
if (values.record) process.exitCode = (await record()) ? 0 : 1;
