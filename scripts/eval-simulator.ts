/**
 * @module Measures how far the simulator is from the real engine: six loads, each with its own setting, several rounds.
 *
 *   node scripts/eval-simulator.ts [MODEL] [--rounds N] [--write]
 *
 * `--write` writes the section of docs/tuner-accuracy.md. Exits 1 where a goal is missed: tokens a second 8 %, P99 time to
 * the first token 20 %, preemptions 10 % (or one). Step times are measured anew before every round, as the machine changes.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { grantedProcessors } from "../src/backend/create/index.ts";
import { readOptions } from "../src/core/options/read-options.ts";
import { median } from "../src/core/statistics.ts";
import { engineOptions, plannerOf, prepareInstance, resolveSettings } from "../src/instance/index.ts";
import { sharedPrefixTokens, simulateSetting } from "../src/tuner/search/rank.ts";
import type { LoadFigures } from "../src/tuner/traffic/figures.ts";
import { parseLengths } from "../src/tuner/traffic/lengths.ts";
import { shapedTraffic, type TrafficShape } from "../src/tuner/traffic/shaped-traffic.ts";
import { ordinaryTokens } from "../src/tuner/traffic/token-source.ts";
import { calibrate } from "../src/tuner/trial/calibrate.ts";
import { warmUpTraffic } from "../src/tuner/trial/calibration-traffic.ts";
import { TrialEngine } from "../src/tuner/trial/trial-engine.ts";
import { recordSection } from "./tuner-trials/record.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" }, write: { type: "boolean", default: false } },
});
const numRounds = Number(values.rounds);
const goals = { tokens: 0.08, ttft: 0.2, preemptions: 0.1 } as const;

interface Load {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly shape: TrafficShape;
}

function load(
  name: string,
  flags: Load["flags"],
  numRequests: number,
  [users, rate]: readonly [number | null, number | null],
  [prompt, output]: readonly [string, string],
  sharedPrefix: TrafficShape["sharedPrefix"] = null,
): Load {
  const lengths = { prompt: parseLengths(prompt), output: parseLengths(output) };
  return {
    name,
    flags,
    shape: { numUsers: users, ratePerSecond: rate, numRequests, ...lengths, sharedPrefix },
  };
}

const loads: readonly Load[] = [
  load("32 users, default setting", {}, 64, [32, null], ["128", "64"]),
  load(
    "32 users, 8 seats, short steps",
    { maxNumSeqs: "8", maxStepMs: "60" },
    48,
    [32, null],
    ["64-256", "20-80"],
  ),
  load("chat at 4 requests/s", {}, 40, [null, 4], ["p50=120,p95=500", "10-80"]),
  load("16 users, shared beginnings of 512", {}, 48, [16, null], ["32", "64"], {
    numTokens: 512,
    numGroups: 3,
  }),
  load("2 users, long prompts", { maxNumBatchedTokens: "256" }, 10, [2, null], ["700-1200", "40"]),
  load("24 users, a pool too small for them", { maxKvTokens: "4096" }, 32, [24, null], ["40", "250-400"]),
];

const given = { memory: "900MiB", maxModelLen: "4096" };
const settingsOf = (flags: Load["flags"]) =>
  resolveSettings(readOptions(engineOptions, { ...given, ...flags }, {}), grantedProcessors());
const prepared = await prepareInstance(positionals[0] ?? null, settingsOf({}), () => undefined);
const planner = await plannerOf(prepared);
const range = ordinaryTokens(prepared.program.vocabularyWidth);
const engine = new TrialEngine(warmUpTraffic(range));
const stop = new AbortController().signal;

interface Pair {
  readonly real: LoadFigures;
  readonly simulated: LoadFigures;
  readonly othersShare: number;
}

const pairs = new Map<string, Pair[]>(loads.map(({ name }) => [name, []]));
for (let round = 0; round < numRounds; round++) {
  const stepTime = await calibrate(engine, prepared, range, { onLoad: () => undefined, stop });
  console.error(`round ${round + 1}: step times within ${((stepTime.medianError ?? 0) * 100).toFixed(0)} %`);
  for (const { name, flags, shape } of loads) {
    const setting = planner(settingsOf(flags));
    const traffic = shapedTraffic(shape, 50 + round, range);
    const { figures, otherCpuShare } = await engine.run(setting, traffic, stop);
    const simulated = simulateSetting(setting, traffic, stepTime, sharedPrefixTokens);
    pairs.get(name)?.push({ real: figures, simulated, othersShare: otherCpuShare ?? Number.NaN });
  }
}
await engine.close();

const percent = (share: number): string => `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(1)} %`;
let numMissed = 0;
const rows = loads.map(({ name }) => {
  const all = pairs.get(name) ?? [];
  const of = (kind: "real" | "simulated", key: keyof LoadFigures): number =>
    median(all.map((pair) => pair[kind][key]));
  const error = (key: keyof LoadFigures): number =>
    median(all.map(({ real, simulated }) => simulated[key] / real[key] - 1));
  const [tokens, ttft] = [error("outputTokensPerSecond"), error("p99TtftMs")];
  const [preempted, predicted] = [of("real", "numPreemptions"), of("simulated", "numPreemptions")];
  const preemptionsMet = Math.abs(predicted - preempted) <= Math.max(1, goals.preemptions * preempted);
  const met = Math.abs(tokens) <= goals.tokens && Math.abs(ttft) <= goals.ttft && preemptionsMet;
  if (!met) numMissed++;
  return `| ${name} | ${of("real", "outputTokensPerSecond").toFixed(0)} / ${of("simulated", "outputTokensPerSecond").toFixed(0)} | ${percent(tokens)} | ${of("real", "p99TtftMs").toFixed(0)} / ${of("simulated", "p99TtftMs").toFixed(0)} ms | ${percent(ttft)} | ${preempted} / ${predicted} | ${met ? "yes" : "no"} |`;
});
const shares = [...pairs.values()].flat().map(({ othersShare }) => othersShare);
const text = `## The simulator against the real engine

Medians of ${numRounds} rounds, measured and simulated under the same requests; step times were measured anew before each round. ${prepared.root} on ${cpus()[0]?.model.trim()}, ${cpus().length} processors, of which other programs took ${(100 * median(shares)).toFixed(0)} % (median; at most ${(100 * Math.max(...shares)).toFixed(0)} %).

The goals: tokens a second at most 8 % off, P99 time to the first token at most 20 %, preemptions at most 10 % or one.

| load | tokens/s, real / simulated | error | P99 TTFT, real / simulated | error | preemptions | goals met |
|---|---|---|---|---|---|---|
${rows.join("\n")}

To repeat: \`node scripts/eval-simulator.ts --rounds ${numRounds} --write\`.
`;
console.log(text);
if (values.write) recordSection(text);
process.exitCode = numMissed === 0 ? 0 : 1;
