/** @module A line every ten seconds while there is something to do: tokens a second, requests, how full the KV pool is. */
import type { GenerationService } from "../../core/generation.ts";
import type { EngineStats } from "../../core/observation/engine-stats.ts";

const everyMs = 10_000;

interface InfoLog {
  info(fields: object, message: string): void;
}

/** Logs until the process ends; holds no process open. */
export function logThroughput(
  service: Pick<GenerationService, "stats">,
  log: InfoLog,
  now: () => number = () => performance.now(),
): void {
  let last = { stats: service.stats(), atMs: now() };
  setInterval(() => {
    const current = { stats: service.stats(), atMs: now() };
    const line = throughputBetween(last.stats, current.stats, (current.atMs - last.atMs) / 1000);
    last = current;
    if (line !== null) log.info(line.fields, line.message);
  }, everyMs).unref();
}

interface ThroughputLine {
  readonly fields: Readonly<Record<string, number>>;
  readonly message: string;
}

/** null where no step ran and no request runs or waits. */
export function throughputBetween(
  earlier: EngineStats,
  later: EngineStats,
  seconds: number,
): ThroughputLine | null {
  const rate = (key: "numPromptTokens" | "numGenerationTokens"): number =>
    Math.round(((later[key] - earlier[key]) / seconds) * 10) / 10;
  const isIdle = later.numSteps === earlier.numSteps && later.numRunning + later.numWaiting === 0;
  if (isIdle) return null;
  const numQueryTokens = later.numPrefixQueryTokens - earlier.numPrefixQueryTokens;
  const numHitTokens = later.numPrefixHitTokens - earlier.numPrefixHitTokens;
  const fields = {
    promptTokensPerSecond: rate("numPromptTokens"),
    generatedTokensPerSecond: rate("numGenerationTokens"),
    running: later.numRunning,
    waiting: later.numWaiting,
    kvCacheUsage: Math.round(later.kvCacheUsage * 1000) / 1000,
    prefixHitRate: numQueryTokens === 0 ? 0 : Math.round((numHitTokens / numQueryTokens) * 1000) / 1000,
  };
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const message = [
    `prompts ${fields.promptTokensPerSecond} tokens/s`,
    `answers ${fields.generatedTokensPerSecond} tokens/s`,
    `${fields.running} running, ${fields.waiting} waiting`,
    `KV pool ${percent(fields.kvCacheUsage)} full`,
    `${percent(fields.prefixHitRate)} of prompt tokens from the prefix cache`,
  ].join("; ");
  return { fields, message };
}
