/** @module llama-server, the server of llama.cpp, as instances of a fleet. */
import { features } from "../../../core/capabilities.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import type { InstanceMemory } from "../contract/driver.ts";
import type { EngineProfile, RunningInstance } from "../contract/engine-profile.ts";
import { type EngineStart, hasFlag } from "../contract/engine-start.ts";
import { endKind, explain } from "./failures.ts";
import { llamaServerMetrics } from "./metrics.ts";

const minute = 60_000;

export const llamaServerProfile: EngineProfile = {
  engine: "llama-server",
  title: "llama-server",
  reservedFlags: ["--host", "--port"],
  phases: [
    { name: "starting", mostMs: minute },
    { name: "loading", mostMs: 20 * minute, pattern: /loading model '/ },
    { name: "warming up", mostMs: 5 * minute, pattern: /warming up the model/ },
    { name: "listening", mostMs: minute, pattern: /(?:listening|server is listening) on http/ },
  ],
  readyWithinMs: 30 * minute,
  endWithinMs: 10_000,
  capabilities: {
    routes: new Set([
      "/v1/chat/completions",
      "/v1/completions",
      "/v1/responses",
      "/v1/messages",
      "/v1/embeddings",
      "/v1/rerank",
      "/rerank",
      "/infill",
      "/tokenize",
      "/detokenize",
    ]),
    features: new Set(features),
  },
  metrics: llamaServerMetrics,
  addedWords,
  // It stops computing at once; a stream that is open gets nothing more and is cut off after 30 s.
  finishesAfterSigterm: () => false,
  environment: (start) =>
    start.deviceIds.length === 0
      ? {}
      : { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: start.deviceIds.join(",") },
  // Its sleep is a timer of its own (`--sleep-idle-seconds`), not a request.
  sleep: () => null,
  size,
  memory,
  endKind,
  explain,
};

/**
 * `--fit` would change the start to what is free, but the plan has decided already. Sizes of buffers are printed from
 * verbosity 4 on.
 */
function addedWords(start: EngineStart, host: string, port: number): string[] {
  return [
    "--host",
    host,
    "--port",
    String(port),
    ...(hasFlag(start, "-a", "--alias") ? [] : ["-a", start.servedName]),
    ...(hasFlag(start, "--metrics") ? [] : ["--metrics"]),
    ...(hasFlag(start, "-fit", "--fit") ? [] : ["--fit", "off"]),
    ...(hasFlag(start, "-lv", "--verbosity", "--log-verbosity", "-v", "--verbose") ? [] : ["-lv", "4"]),
  ];
}

interface Properties {
  readonly total_slots?: number;
  readonly default_generation_settings?: { readonly n_ctx?: number };
}

/** The log states the context that all slots share; `/props` states the tokens of one slot. */
async function size({ get, output }: RunningInstance): Promise<EndpointSize> {
  const properties = JSON.parse((await get("/props")) ?? "{}") as Properties;
  const seats = properties.total_slots ?? 1;
  const slotTokens = properties.default_generation_settings?.n_ctx ?? 0;
  const logged = Number(/llama_context: n_ctx\s*=\s*(\d+)/.exec(output)?.[1] ?? Number.NaN);
  return { seats, poolTokens: Number.isFinite(logged) ? logged : seats * slotTokens };
}

const mib = 2 ** 20;
/** Sizes of buffers that the log states in MiB, for each device a line. */
const bufferLines = {
  weights: /model buffer size =\s*([\d.]+) MiB/g,
  kvPool: /KV buffer size =\s*([\d.]+) MiB/g,
  activations: /compute buffer size =\s*([\d.]+) MiB/g,
} as const;

async function memory(running: RunningInstance): Promise<InstanceMemory> {
  const components = Object.entries(bufferLines).map(([name, line]) => {
    const sizes = [...running.output.matchAll(line)].map(([, size = "0"]) => Number(size) * mib);
    return [name, sizes.reduce((sum, bytes) => sum + bytes, 0)];
  });
  const { poolTokens } = await size(running);
  return {
    components: Object.fromEntries(components),
    numKvBlocks: null,
    kvBlockTokens: null,
    numKvTokens: poolTokens,
  };
}
