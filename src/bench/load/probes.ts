/** @module Measurements of one server that the loads do not make: prefix reuse, long contexts, fairness, two servers on a machine. */
import { seededUniform } from "../../core/seeded-uniform.ts";
import { median, percentile } from "../../core/statistics.ts";
import { type RunningServer, type ServerCommand, startServer } from "../../process/server-process.ts";
import { type CompletionTarget, timeCompletion } from "./completion-client.ts";
import { runLoad } from "./load-run.ts";
import { makeLoad, randomTokens, type TokenRange } from "./workload.ts";

/** Tokens of the prefix that two requests share. */
export const numReusedTokens = 512;

/**
 * Milliseconds to the first token of 512 cached tokens and 1 new, and of 513 cold ones, medians over `numRounds`; and the
 * fewest tokens that were cached in any of them (NaN if the server does not report it).
 */
export async function probePrefixReuse(
  target: CompletionTarget,
  range: TokenRange,
  seed: number,
  numRounds: number,
): Promise<{ readonly coldMs: number; readonly cachedMs: number; readonly numCachedTokens: number }> {
  const uniform = seededUniform(seed);
  const cold: number[] = [];
  const cached: number[] = [];
  let numCachedTokens = Number.POSITIVE_INFINITY;
  for (let round = 0; round < numRounds; round++) {
    const prefix = randomTokens(uniform, numReusedTokens, range);
    const [first, second] = randomTokens(uniform, 2, range);
    cold.push((await timeCompletion(target, [...prefix, first ?? 0], 1)).ttftMs);
    const again = await timeCompletion(target, [...prefix, second ?? 0], 1);
    cached.push(again.ttftMs);
    numCachedTokens = Math.min(numCachedTokens, again.numCachedTokens ?? Number.NaN);
  }
  return { coldMs: median(cold), cachedMs: median(cached), numCachedTokens };
}

/** Decode tokens per second of one user after a prompt of `numContextTokens`; median over `numRounds`. */
export async function probeDecodeAtContext(
  target: CompletionTarget,
  range: TokenRange,
  seed: number,
  { numContextTokens, numRounds }: { readonly numContextTokens: number; readonly numRounds: number },
): Promise<number> {
  const numOutputTokens = 48;
  const uniform = seededUniform(seed + numContextTokens);
  const rates: number[] = [];
  for (let round = 0; round < numRounds; round++) {
    const times = await timeCompletion(
      target,
      randomTokens(uniform, numContextTokens, range),
      numOutputTokens,
    );
    rates.push(((times.numOutputTokens - 1) * 1000) / (times.totalMs - times.ttftMs));
  }
  return median(rates);
}

/** P99 of the gaps between tokens of 8 running decodes while one prompt of 4,000 tokens is computed. */
export async function probeFairness(
  target: CompletionTarget,
  range: TokenRange,
  seed: number,
): Promise<{ readonly p99GapMs: number; readonly prefillMs: number }> {
  const uniform = seededUniform(seed);
  const users = Array.from({ length: 8 }, () =>
    timeCompletion(target, randomTokens(uniform, 32, range), 256),
  );
  await new Promise((wake) => setTimeout(wake, 500));
  const long = await timeCompletion(target, randomTokens(uniform, 4000, range), 1);
  const finished = await Promise.all(users);
  return {
    p99GapMs: percentile(
      finished.flatMap((times) => times.interChunkMs),
      0.99,
    ),
    prefillMs: long.ttftMs,
  };
}

export interface SideBySide {
  readonly aloneTokensPerSecond: number;
  readonly togetherTokensPerSecond: number;
  readonly peakResidentBytes: readonly number[];
  readonly numFailed: number;
}

/** Two identical servers at full load at the same time, compared with one alone: tokens per second of both and memory of each. */
export async function probeSideBySide(
  command: ServerCommand,
  range: TokenRange,
  seed: number,
  numRounds: number,
): Promise<SideBySide> {
  const servers: RunningServer[] = [];
  const alone: number[] = [];
  const together: number[] = [];
  let numFailed = 0;
  try {
    servers.push(await startServer(command), await startServer(command));
    const [first, second] = servers;
    for (let round = 0; round < numRounds && first && second; round++) {
      const loads = [0, 1, 2].map((i) => makeLoad("conc", seed + 3 * round + i, range));
      const [single, left, right] = loads;
      if (!single || !left || !right) break;
      const one = await runLoad(first, single);
      alone.push(one.outputTokensPerSecond);
      const pair = await Promise.all([runLoad(first, left), runLoad(second, right)]);
      together.push(pair.reduce((sum, result) => sum + result.outputTokensPerSecond, 0));
      numFailed += [one, ...pair].reduce((sum, result) => sum + result.numFailed, 0);
    }
    return {
      aloneTokensPerSecond: median(alone),
      togetherTokensPerSecond: median(together),
      peakResidentBytes: servers.map((server) => server.peakResidentBytes()),
      numFailed,
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}
