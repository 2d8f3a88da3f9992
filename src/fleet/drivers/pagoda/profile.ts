/** @module Pagoda's own engine as instances of a fleet. */
import { features } from "../../../core/capabilities.ts";
import type { MemoryReport } from "../../../core/memory-report.ts";
import type { EndKind, FailedStart, InstanceMemory, ProcessEnd } from "../contract/driver.ts";
import type { EngineProfile, RunningInstance } from "../contract/engine-profile.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { plainEnd } from "../contract/failed-start.ts";
import { remedyFor } from "../contract/remedies.ts";
import { pagodaMetrics } from "./metrics.ts";
import { pagodaRemedies } from "./remedies.ts";

const minute = 60_000;

/** Our own server: it checks its plan before it allocates, says what is wrong in one line, and ends in order. */
export const pagodaProfile: EngineProfile = {
  engine: "pagoda",
  title: "Pagoda",
  // A start may be the command of this very process, with its own port; the last one counts.
  reservedFlags: [],
  phases: [{ name: "starting", mostMs: 10 * minute }],
  readyWithinMs: 10 * minute,
  endWithinMs: 10_000,
  capabilities: {
    routes: new Set([
      "/v1/chat/completions",
      "/v1/completions",
      "/tokenize",
      "/detokenize",
      "/tokenizer_info",
    ]),
    // An instance refuses by name what it does not have.
    features: new Set(features),
  },
  metrics: pagodaMetrics,
  addedWords: (_start, host, port) => ["--host", host, "--port", String(port)],
  finishesAfterSigterm: () => true,
  environment: () => ({}),
  sleep: () => null,
  size: async (running) => ({
    seats: running.start.seats ?? 0,
    poolTokens: (await memoryReport(running)).numKvTokens,
  }),
  memory,
  endKind,
  explain,
};

async function memoryReport(running: RunningInstance): Promise<MemoryReport> {
  return JSON.parse((await running.get("/admin/memory")) ?? "") as MemoryReport;
}

async function memory(running: RunningInstance): Promise<InstanceMemory> {
  const { components, blocks, numKvTokens } = await memoryReport(running);
  return {
    components: Object.fromEntries(components.map(({ name, actualBytes }) => [name, actualBytes])),
    numKvBlocks: blocks.numTotal,
    kvBlockTokens: blocks.blockSize,
    numKvTokens,
  };
}

function endKind({ exitCode, lastOutput }: ProcessEnd): EndKind {
  const reason = lastLine(lastOutput);
  if (reason === null || exitCode !== 1) return "crash";
  return /port \d+|address already in use|EADDRINUSE/i.test(reason) ? "port" : "configuration";
}

function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const reason = lastLine(end.lastOutput);
  if (reason === null) return plainEnd(end);
  const { missing = null, changes = [] } = remedyFor(reason, reason, pagodaRemedies, start) ?? {};
  return { sentence: reason, missing, changes };
}

/** The last thing that the command line said was wrong; null where it said nothing. */
function lastLine(output: string): string | null {
  const lines = output.split("\n").filter((line) => line.startsWith("pagoda: "));
  return lines.at(-1)?.slice("pagoda: ".length) ?? null;
}
