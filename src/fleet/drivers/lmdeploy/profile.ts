/** @module LMDeploy as instances of a fleet, TurboMind and the PyTorch engine (0.14 to 0.18). */
import { existsSync } from "node:fs";
import { features } from "../../../core/capabilities.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import type { EngineProfile, RunningInstance } from "../contract/engine-profile.ts";
import { type EngineStart, flagValue, hasFlag } from "../contract/engine-start.ts";
import { memoryInLog } from "../contract/log-memory.ts";
import { sleepOverHttp } from "../contract/sleep.ts";
import { endKind, explain } from "./failures.ts";
import { lmdeployMetrics } from "./metrics.ts";

const minute = 60_000;
/** What both engines take where the card is in no table of theirs. */
const defaultSeats = 128;

export const lmdeployProfile: EngineProfile = {
  engine: "lmdeploy",
  title: "LMDeploy",
  reservedFlags: ["--server-name", "--server-port"],
  phases: [
    { name: "starting", mostMs: 5 * minute },
    {
      name: "loading",
      mostMs: 20 * minute,
      pattern: /[Ll]oad(?:ing)? (?:model|weights|checkpoint)|Convert to turbomind/,
    },
    {
      name: "warming up",
      mostMs: 15 * minute,
      pattern: /max_block_count|Object cache budget|object_size|Building CacheEngine|Warm-up lengths/,
    },
    { name: "listening", mostMs: minute, pattern: /HINT:\s+Please open|Uvicorn running on/ },
    // Where its port is taken, the server stops and its process may stay: a run of the real server did.
    { name: "ending", mostMs: 15_000, pattern: /Waiting for application shutdown/ },
  ],
  readyWithinMs: 30 * minute,
  // The server waits for open streams without a limit; the PyTorch engine's child has 10 s.
  endWithinMs: 15_000,
  capabilities: {
    routes: new Set(["/v1/chat/completions", "/v1/completions", "/generate", "/v1/encode", "/pooling"]),
    features: new Set(features),
  },
  metrics: lmdeployMetrics,
  addedWords: (start, host, port) => [
    "--server-name",
    host,
    "--server-port",
    String(port),
    ...(hasFlag(start, "--model-name") ? [] : ["--model-name", start.servedName]),
  ],
  // It waits for open streams, without a limit.
  finishesAfterSigterm: () => true,
  environment,
  // Every start can sleep; a sleep ends all its requests, so the router drains it first.
  sleep: () =>
    sleepOverHttp({ levels: [1, 2], sleepPath: (level) => `/sleep?level=${level}`, wakePath: "/wakeup" }),
  size,
  memory: async ({ output }) => memoryInLog(output, "lmdeploy"),
  endKind,
  explain,
};

function environment(start: EngineStart): Record<string, string | undefined> {
  return {
    NO_COLOR: "1",
    PYTHONUNBUFFERED: "1",
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    ...(start.deviceIds.length === 0 ? {} : { CUDA_VISIBLE_DEVICES: start.deviceIds.join(",") }),
    ...(start.words.some((word) => word.startsWith("/") && existsSync(word)) ? { HF_HUB_OFFLINE: "1" } : {}),
  };
}

/** It has no gauge of its pool: the log has the blocks, if it was told to print them. */
async function size({ start, output }: RunningInstance): Promise<EndpointSize> {
  const { numKvTokens, numKvBlocks, kvBlockTokens } = memoryInLog(output, "lmdeploy");
  const blockTokens = kvBlockTokens ?? Number(flagValue(start, "--cache-block-seq-len") ?? 64);
  const stated = Number(flagValue(start, "--max-batch-size") ?? Number.NaN);
  return {
    seats: start.seats ?? (Number.isFinite(stated) ? stated : defaultSeats),
    poolTokens: numKvTokens ?? (numKvBlocks ?? 0) * blockTokens,
  };
}
