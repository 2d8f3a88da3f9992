/** @module `pagoda bench`: measures every figure that we state in one run, ours next to the peers'. */

import type { ServerCommand } from "../process/server-process.ts";
import { readConditions } from "./conditions.ts";
import { absoluteFigure, type Figure, type KernelFamily } from "./figures/figure.ts";
import { kernelFigures } from "./kernels/kernel-figures.ts";
import { type BenchOptions, benchTokens } from "./options/bench-options.ts";
import type { BenchPart } from "./options/bench-parts.ts";
import { compareServers, type ServerMeasurement } from "./peers/comparison.ts";
import { assumptionFigures, peerFigures } from "./peers/goals.ts";
import { measureContexts, measureLatency, measureStart, measureTwins } from "./peers/server-figures.ts";
import { llamaServer, ourName, ourServer, vllmServer } from "./peers/servers-under-test.ts";
import type { BenchReport } from "./report.ts";
import { rankFigures, type StepReport, schedulerFigure, stepFigures } from "./steps/step-figures.ts";

/** Steps of each shape whose median is reported. */
const numSteps = 25;

export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const figures: Figure[] = [];
  const servers: ServerMeasurement[] = [];
  const profiles: StepReport["profiles"][number][] = [];
  const notMeasured = options.peers === null ? ["peers (give --peers DEST)"] : [];
  const has = (part: BenchPart): boolean => options.parts.includes(part);
  if (has("loads")) {
    servers.push(...(await measureLoads(options)));
    figures.push(...servers.flatMap(assumptionFigures));
    for (const family of options.kernels) {
      const ours = servers.find((server) => server.name === ourName(family));
      if (ours) figures.push(...prefixed(family, [...peerFigures(family, ours, servers), idleFigure(ours)]));
    }
  }
  for (const family of options.kernels) {
    if (has("start")) figures.push(...prefixed(family, await measureStart(options, family)));
    if (has("latency")) figures.push(...prefixed(family, await measureLatency(options, family)));
    if (has("twins")) figures.push(...prefixed(family, await measureTwins(options, family)));
    if (has("kernels")) figures.push(...prefixed(family, await kernelFigures(family)));
    if (has("steps")) {
      const steps = await stepFigures(options.modelPath, family, options.numThreads, numSteps);
      figures.push(...prefixed(family, steps.figures));
      profiles.push(...steps.profiles);
    }
    if (has("ranks"))
      figures.push(
        ...prefixed(
          family,
          await rankFigures(options.modelPath, family, options.numThreads, options.numRounds),
        ),
      );
  }
  if (has("scheduler")) figures.push(await schedulerFigure());
  if (has("contexts")) figures.push(...(await measureContexts(options)));
  return {
    conditions: readConditions(options.folder),
    settings: settingsOf(options),
    servers,
    figures,
    profiles,
    notMeasured,
  };
}

function prefixed(family: KernelFamily, figures: readonly Figure[]): Figure[] {
  return figures.map((figure) => ({ ...figure, name: `${family}: ${figure.name}` }));
}

function peerServers({ peers, modelPath, numThreads }: BenchOptions): ServerCommand[] {
  if (peers === null) return [];
  const room = { numThreads, numSlots: 32, numContextTokens: 32_768 };
  const commands = [llamaServer(peers.folder, { modelPath, label: "Q4_1", ...room })];
  if (peers.q4ZeroPath !== null)
    commands.push(llamaServer(peers.folder, { modelPath: peers.q4ZeroPath, label: "Q4_0", ...room }));
  if (peers.vllmModel !== null) commands.push(vllmServer(peers.folder, peers.vllmModel, numThreads));
  return commands;
}

function measureLoads(options: BenchOptions): Promise<ServerMeasurement[]> {
  const { loads, numRounds, seed, say } = options;
  const commands = [...options.kernels.map((family) => ourServer(options, family)), ...peerServers(options)];
  return compareServers(commands, { loads, numRounds, firstSeed: seed, tokens: benchTokens }, say);
}

/** An idle server uses almost no processor time: only a few wake-ups of timers are allowed. */
function idleFigure(ours: ServerMeasurement): Figure {
  return absoluteFigure("idle processor use", 100 * ours.idleCpuShare, "% of a core", {
    kind: "atMost",
    value: 1,
  });
}

function settingsOf(options: BenchOptions): Record<string, string | number> {
  return {
    model: options.modelPath.split("/").at(-1) ?? options.modelPath,
    threads: options.numThreads,
    rounds: options.numRounds,
    "first seed": options.seed,
  };
}
