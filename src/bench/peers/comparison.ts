/** @module Runs the same loads on several servers in turn in every round, so that changes of the machine's speed affect all alike. */

import { median } from "../../core/statistics.ts";
import { type RunningServer, type ServerCommand, startServer } from "../../process/server-process.ts";
import { type LoadResult, runLoad } from "../load/load-run.ts";
import { type LoadName, makeLoad, type TokenRange } from "../load/workload.ts";

export interface ComparisonSettings {
  readonly loads: readonly LoadName[];
  readonly numRounds: number;
  readonly firstSeed: number;
  readonly tokens: TokenRange;
}

export interface ServerMeasurement {
  readonly name: string;
  readonly startMs: number;
  readonly peakResidentBytes: number;
  /** Processor seconds per second while the server was idle. */
  readonly idleCpuShare: number;
  readonly loads: readonly LoadSummary[];
}

export interface LoadSummary {
  readonly load: string;
  readonly rounds: readonly LoadResult[];
  /** Over the rounds without failures, if there are any; failures are counted over all rounds. */
  readonly medians: LoadMedians;
}

type NumericField = { [K in keyof LoadResult]: LoadResult[K] extends number ? K : never }[keyof LoadResult];
export type LoadMedians = Readonly<Record<NumericField, number>> & {
  readonly numCachedTokens: number | null;
};

const numericFields: readonly NumericField[] = [
  "numCompleted",
  "numFailed",
  "outputTokensPerSecond",
  "medianTtftMs",
  "p99TtftMs",
  "medianTpotMs",
  "p99InterTokenMs",
];
const idleWindowMs = 2000;

/** Starts all servers, warms each up once, runs the rounds, and always stops the servers. */
export async function compareServers(
  commands: readonly ServerCommand[],
  settings: ComparisonSettings,
  say: (line: string) => void,
): Promise<ServerMeasurement[]> {
  const servers: RunningServer[] = [];
  try {
    for (const command of commands) {
      const server = await startServer(command);
      servers.push(server);
      say(`${server.name}: ready after ${(server.startMs / 1000).toFixed(1)} s`);
    }
    const rounds = await runRounds(servers, settings, say);
    const idle = await measureIdle(servers);
    return servers.map((server, i) => ({
      name: server.name,
      startMs: server.startMs,
      peakResidentBytes: server.peakResidentBytes(),
      idleCpuShare: idle[i] ?? Number.NaN,
      loads: settings.loads.map((load) => summariseLoad(load, rounds.get(server) ?? [])),
    }));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function runRounds(
  servers: readonly RunningServer[],
  settings: ComparisonSettings,
  say: (line: string) => void,
): Promise<Map<RunningServer, LoadResult[]>> {
  const results = new Map<RunningServer, LoadResult[]>(servers.map((server) => [server, []]));
  for (const server of servers) await warmUp(server, settings.firstSeed, settings.tokens);
  for (let round = 0; round < settings.numRounds; round++) {
    for (const name of settings.loads) {
      const load = makeLoad(name, settings.firstSeed + round, settings.tokens);
      for (const server of servers) {
        const result = await runLoad(server, load);
        results.get(server)?.push(result);
        server.peakResidentBytes();
        say(
          `round ${round + 1}/${settings.numRounds} ${name.padEnd(8)} ${server.name.padEnd(22)} ${result.outputTokensPerSecond.toFixed(1).padStart(8)} tok/s  TTFT ${result.medianTtftMs.toFixed(0)} ms${result.numFailed > 0 ? `  ${result.numFailed} failed: ${result.firstFailure}` : ""}`,
        );
      }
    }
  }
  return results;
}

/** Runs a load without counting it: a server that has just started still compiles, fills caches and allocates. */
export async function warmUp(server: RunningServer, firstSeed: number, tokens: TokenRange): Promise<void> {
  await runLoad(server, makeLoad("single", firstSeed - 1, tokens));
}

async function measureIdle(servers: readonly RunningServer[]): Promise<number[]> {
  const before = servers.map((server) => server.cpuSeconds());
  await new Promise((wake) => setTimeout(wake, idleWindowMs));
  return servers.map((server, i) => (server.cpuSeconds() - (before[i] ?? 0)) / (idleWindowMs / 1000));
}

function summariseLoad(load: string, all: readonly LoadResult[]): LoadSummary {
  const rounds = all.filter((result) => result.load === load);
  const whole = rounds.filter((result) => result.numFailed === 0);
  const counted = whole.length > 0 ? whole : rounds;
  const medians = Object.fromEntries(
    numericFields.map((field) => [field, median(counted.map((result) => result[field]))]),
  ) as Record<NumericField, number>;
  const cached = counted.map((result) => result.numCachedTokens);
  return {
    load,
    rounds,
    medians: {
      ...medians,
      numFailed: rounds.reduce((sum, result) => sum + result.numFailed, 0),
      numCachedTokens: cached.includes(null) ? null : median(cached.map((numTokens) => numTokens ?? 0)),
    },
  };
}
