/** @module vLLM as instances of a fleet (0.10 to 0.32). */
import { existsSync } from "node:fs";
import { features } from "../../../core/capabilities.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import type { SleepControl } from "../contract/driver.ts";
import type { EngineProfile, RunningInstance } from "../contract/engine-profile.ts";
import { type EngineStart, flagValue, hasFlag } from "../contract/engine-start.ts";
import { memoryInLog } from "../contract/log-memory.ts";
import { poolOf } from "../contract/pool.ts";
import { sleepOverHttp } from "../contract/sleep.ts";
import { readMetrics } from "../metrics/engine-metrics.ts";
import { endKind, explain } from "./failures.ts";
import { vllmMetrics } from "./metrics.ts";

const minute = 60_000;
/** vLLM's own default for the server: `max_num_seqs` on cards; a start on processors has 128. */
const defaultSeats = 256;

export const vllmProfile: EngineProfile = {
  engine: "vllm",
  title: "vLLM",
  reservedFlags: ["--host", "--port", "--uds"],
  // A start takes 15 s to 15 min: imports, the download, compilation and graphs each have taken minutes.
  phases: [
    { name: "starting", mostMs: 5 * minute },
    { name: "loading", mostMs: 20 * minute, pattern: /Starting to load model|Loading model/ },
    { name: "profiling", mostMs: 15 * minute, pattern: /[Mm]odel loading took|Loading model weights took/ },
    { name: "warming up", mostMs: 10 * minute, pattern: /KV cache size: [\d,]+ tokens|# \w+ blocks: \d+/ },
    { name: "listening", mostMs: minute, pattern: /init engine \(.*\) took/ },
  ],
  readyWithinMs: 30 * minute,
  // The engine core has 5 s for its workers after the server's own shutdown.
  endWithinMs: 20_000,
  capabilities: {
    routes: new Set([
      "/v1/chat/completions",
      "/v1/completions",
      "/v1/responses",
      "/v1/messages",
      "/v1/embeddings",
      "/v1/score",
      "/score",
      "/v1/rerank",
      "/rerank",
      "/pooling",
      "/tokenize",
      "/detokenize",
    ]),
    features: new Set(features),
  },
  metrics: vllmMetrics,
  addedWords,
  finishesAfterSigterm: hasShutdownTimeout,
  environment,
  sleep,
  size,
  memory: async (running) => {
    const text = await running.get("/metrics");
    const metrics = text === null ? null : readMetrics(text, vllmMetrics);
    return { ...memoryInLog(running.output, "vllm"), ...poolOf(metrics) };
  },
  endKind,
  explain,
};

function addedWords(start: EngineStart, host: string, port: number): string[] {
  const seconds = String(Math.ceil(start.drainMs / 1000));
  return [
    "--host",
    host,
    "--port",
    String(port),
    ...(hasFlag(start, "--served-model-name") ? [] : ["--served-model-name", start.servedName]),
    ...(hasFlag(start, "--shutdown-timeout") || !hasShutdownTimeout(start)
      ? []
      : ["--shutdown-timeout", seconds]),
  ];
}

/** From 0.18 on; before, and with a limit of 0, SIGTERM breaks running requests off. An unknown version is the newest. */
function hasShutdownTimeout({ version }: EngineStart): boolean {
  return Number(/^0\.(\d+)/.exec(version ?? "")?.[1] ?? Number.POSITIVE_INFINITY) >= 18;
}

function environment(start: EngineStart): Record<string, string | undefined> {
  return {
    VLLM_NO_USAGE_STATS: "1",
    DO_NOT_TRACK: "1",
    NO_COLOR: "1",
    VLLM_LOGGING_COLOR: "0",
    PYTHONUNBUFFERED: "1",
    // Kubernetes sets it for a service of this name; as a URL it ends the start.
    VLLM_PORT: undefined,
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    ...(start.deviceIds.length === 0 ? {} : { CUDA_VISIBLE_DEVICES: start.deviceIds.join(",") }),
    ...(start.words.some((word) => word.startsWith("/") && existsSync(word)) ? { HF_HUB_OFFLINE: "1" } : {}),
    // Sleep is a development route; the port is on the loopback interface.
    ...(hasFlag(start, "--enable-sleep-mode") ? { VLLM_SERVER_DEV_MODE: "1" } : {}),
  };
}

/** Requests that run are finished first (`mode=wait`, from 0.17 on). */
function sleep(start: EngineStart): SleepControl | null {
  if (!hasFlag(start, "--enable-sleep-mode")) return null;
  return sleepOverHttp({
    levels: [1, 2],
    sleepPath: (level) => `/sleep?level=${level}&mode=wait`,
    wakePath: "/wake_up",
  });
}

async function size({ start, get }: RunningInstance): Promise<EndpointSize> {
  const text = await get("/metrics");
  const metrics = text === null ? null : readMetrics(text, vllmMetrics);
  const stated = Number(flagValue(start, "--max-num-seqs") ?? Number.NaN);
  return {
    seats: start.seats ?? (Number.isFinite(stated) ? stated : defaultSeats),
    poolTokens: poolOf(metrics).numKvTokens ?? 0,
  };
}
