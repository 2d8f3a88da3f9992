/** @module `pagoda bench`: every figure that we state, measured in one run, ours beside the peers'. */
import { compareServers, type ServerMeasurement } from "./comparison.ts";
import { readConditions } from "./conditions.ts";
import { llamaServer, pagodaServer, vllmServer } from "./contenders.ts";
import { absoluteFigure, type Figure, type KernelFamily, peerFigures, ratioFigure } from "./goals.ts";
import { kernelFigures } from "./kernel-bench.ts";
import { runLoad } from "./load-run.ts";
import type { BenchPart } from "./parts.ts";
import { probeDecodeAtContext, probeFairness, probePrefixReuse, probeSideBySide } from "./probes.ts";
import type { BenchReport } from "./report.ts";
import { type ServerCommand, startServer } from "./server-process.ts";
import { median } from "./statistics.ts";
import { outsideKernelsMs } from "./step-overhead.ts";
import { type LoadName, makeLoad, type TokenRange } from "./workload.ts";

export interface BenchOptions {
  /** Arguments after the Node binary that start our command line. */
  readonly program: readonly string[];
  /** Folder of the checkout, for the commit. */
  readonly folder: string;
  readonly modelPath: string;
  readonly kernels: readonly KernelFamily[];
  readonly numThreads: number;
  readonly numRounds: number;
  readonly seed: number;
  readonly loads: readonly LoadName[];
  readonly parts: readonly BenchPart[];
  readonly peers: PeerOptions | null;
  readonly say: (line: string) => void;
}

export interface PeerOptions {
  /** Where install-llama-cpp.sh and install-vllm-cpu.sh put their builds. */
  readonly folder: string;
  /** The same file re-quantised to Q4_0, if llama.cpp's fastest is to be measured too. */
  readonly q4ZeroPath: string | null;
  /** The same file as a float32 Hugging Face folder, if vLLM is to be measured. */
  readonly vllmModel: string | null;
}

/** Ordinary tokens of the default model's vocabulary (49,152 entries, special tokens first). */
const tokens: TokenRange = { firstTokenId: 100, endTokenId: 49_000 };
const twinMemory = "700MiB";
const contexts = [512, 2048, 8000];

export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const figures: Figure[] = [];
  const servers: ServerMeasurement[] = [];
  const notMeasured = options.peers === null ? ["peers (give --peers DEST)"] : [];
  const has = (part: BenchPart): boolean => options.parts.includes(part);
  if (has("loads")) {
    servers.push(...(await measureLoads(options)));
    for (const family of options.kernels) {
      const ours = servers.find((server) => server.name === ourName(family));
      if (ours) figures.push(...prefixed(family, [...peerFigures(family, ours, servers), idleFigure(ours)]));
    }
  }
  for (const family of options.kernels) {
    if (has("start")) figures.push(...prefixed(family, [await measureStart(options, family)]));
    if (has("latency")) figures.push(...prefixed(family, await measureLatency(options, family)));
    if (has("twins")) figures.push(...prefixed(family, await measureTwins(options, family)));
    if (has("kernels")) figures.push(...prefixed(family, await measureKernels(family)));
  }
  if (has("contexts")) figures.push(...(await measureContexts(options)));
  return {
    conditions: readConditions(options.folder),
    settings: settingsOf(options),
    servers,
    figures,
    notMeasured,
  };
}

const ourName = (family: KernelFamily): string => `pagoda (${family})`;

function prefixed(family: KernelFamily, figures: readonly Figure[]): Figure[] {
  return figures.map((figure) => ({ ...figure, name: `${family}: ${figure.name}` }));
}

function ourServer(
  options: BenchOptions,
  family: KernelFamily,
  extra: readonly string[] = [],
): ServerCommand {
  const { program, modelPath, numThreads } = options;
  return pagodaServer({ program, modelPath, numThreads, kernels: family, extra });
}

function peerServers({ peers, modelPath, numThreads }: BenchOptions): ServerCommand[] {
  if (peers === null) return [];
  const commands = [llamaServer(peers.folder, modelPath, "Q4_1", numThreads, 32, 32_768)];
  if (peers.q4ZeroPath !== null)
    commands.push(llamaServer(peers.folder, peers.q4ZeroPath, "Q4_0", numThreads, 32, 32_768));
  if (peers.vllmModel !== null) commands.push(vllmServer(peers.folder, peers.vllmModel, numThreads));
  return commands;
}

function measureLoads(options: BenchOptions): Promise<ServerMeasurement[]> {
  const { loads, numRounds, seed, say } = options;
  const commands = [...options.kernels.map((family) => ourServer(options, family)), ...peerServers(options)];
  return compareServers(commands, { loads, numRounds, firstSeed: seed, tokens }, say);
}

/** An idle server uses no CPU: what a few wake-ups of timers cost is allowed. */
function idleFigure(ours: ServerMeasurement): Figure {
  return absoluteFigure("idle processor use", 100 * ours.idleCpuShare, "% of a core", {
    kind: "atMost",
    value: 1,
  });
}

/** Single kernels, one thread, in this process. */
async function measureKernels(family: KernelFamily): Promise<Figure[]> {
  return (await kernelFigures(family)).map(({ kernel, shape, value, unit }) =>
    absoluteFigure(`${kernel}, ${shape}`, value, unit, null),
  );
}

async function measureStart(options: BenchOptions, family: KernelFamily): Promise<Figure> {
  const starts: number[] = [];
  for (let round = 0; round < options.numRounds; round++) {
    const server = await startServer(ourServer(options, family));
    starts.push(server.startMs);
    await server.stop();
  }
  options.say(`${ourName(family)}: start to ready ${starts.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  return absoluteFigure("start to ready, model cached", median(starts), "ms", {
    kind: "atMost",
    value: 2000,
  });
}

async function measureLatency(options: BenchOptions, family: KernelFamily): Promise<Figure[]> {
  const server = await startServer(ourServer(options, family));
  try {
    const reuse = await probePrefixReuse(server, tokens, options.seed, options.numRounds);
    const fair = [];
    for (let round = 0; round < options.numRounds; round++)
      fair.push(await probeFairness(server, tokens, options.seed + round));
    const one = await outsideKernelsMs(server.url, () =>
      runLoad(server, makeLoad("single", options.seed + 90, tokens)),
    );
    const many = await outsideKernelsMs(server.url, () =>
      runLoad(server, makeLoad("conc", options.seed + 91, tokens)),
    );
    const share = ratioFigure(
      "TTFT, 512 cached tokens and 1 new",
      reuse.cachedMs,
      "ms",
      "cold",
      reuse.coldMs,
      { kind: "atMost", value: 0.05 },
    );
    return [
      share,
      absoluteFigure(
        "P99 gap of 8 decodes during a prefill of 4,000",
        median(fair.map((run) => run.p99GapMs)),
        "ms",
        { kind: "atMost", value: 400 },
      ),
      absoluteFigure("TTFT of that prefill", median(fair.map((run) => run.prefillMs)), "ms", null),
      absoluteFigure("outside kernels, one sequence", one, "ms a step", { kind: "atMost", value: 0.3 }),
      absoluteFigure("outside kernels, up to 32 sequences", many, "ms a step", {
        kind: "atMost",
        value: 1.5,
      }),
    ];
  } finally {
    await server.stop();
  }
}

async function measureTwins(options: BenchOptions, family: KernelFamily): Promise<Figure[]> {
  const command = ourServer(options, family, ["--memory", twinMemory]);
  const twins = await probeSideBySide(command, tokens, options.seed, options.numRounds);
  const capBytes = 700 * 2 ** 20;
  return [
    ratioFigure(
      `two instances of --memory ${twinMemory}: output`,
      twins.togetherTokensPerSecond,
      "tok/s",
      "one alone",
      twins.aloneTokensPerSecond,
      { kind: "atLeast", value: 0.8 },
    ),
    ratioFigure(
      "their larger peak",
      Math.max(...twins.peakResidentBytes) / 2 ** 20,
      "MiB",
      "the cap",
      capBytes / 2 ** 20,
      { kind: "atMost", value: 1 },
    ),
  ];
}

async function measureContexts(options: BenchOptions): Promise<Figure[]> {
  const rates = new Map<string, number[]>();
  const commands = options.kernels.map((family) => ourServer(options, family));
  if (options.peers !== null)
    commands.push(llamaServer(options.peers.folder, options.modelPath, "Q4_1", options.numThreads, 1, 8192));
  for (const command of commands) {
    const server = await startServer(command);
    try {
      const row: number[] = [];
      for (const numTokens of contexts)
        row.push(await probeDecodeAtContext(server, tokens, options.seed, numTokens, options.numRounds));
      rates.set(command.name, row);
      options.say(
        `${command.name}: decode at ${contexts.join(", ")} tokens: ${row.map((rate) => rate.toFixed(1)).join(", ")} tok/s`,
      );
    } finally {
      await server.stop();
    }
  }
  const peer = rates.get("llama.cpp (Q4_1)");
  return options.kernels.flatMap((family) => contextFigures(family, rates.get(ourName(family)) ?? [], peer));
}

function contextFigures(
  family: KernelFamily,
  ours: readonly number[],
  peer: readonly number[] | undefined,
): Figure[] {
  return ours.map((rate, i) => {
    const name = `${family}: decode at ${contexts[i]} tokens of context`;
    const theirs = peer?.[i];
    if (theirs === undefined || family === "wasm" || contexts[i] !== 8000)
      return absoluteFigure(name, rate, "tok/s", null);
    return ratioFigure(name, rate, "tok/s", "llama.cpp (Q4_1)", theirs, { kind: "atLeast", value: 2 });
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
