/** @module Figures of our own servers alone: start, prefix reuse, fairness, two at the same time, long contexts. */
import type { MemoryReport } from "../../core/memory-report.ts";
import { median } from "../../core/statistics.ts";
import { startServer } from "../../process/server-process.ts";
import {
  absoluteFigure,
  type Figure,
  type KernelFamily,
  noneFigure,
  ratioFigure,
} from "../figures/figure.ts";
import { runLoad } from "../load/load-run.ts";
import {
  numReusedTokens,
  probeDecodeAtContext,
  probeFairness,
  probePrefixReuse,
  probeSideBySide,
} from "../load/probes.ts";
import { type LoadName, makeLoad } from "../load/workload.ts";
import { type BenchOptions, benchTokens as tokens } from "../options/bench-options.ts";
import { warmUp } from "./comparison.ts";
import { llamaServer, ourName, ourServer } from "./servers-under-test.ts";
import { outsideKernelsMs, wastedTokensPerSequence } from "./step-overhead.ts";

const twinMemory = "700MiB";
const contexts = [512, 2048, 8000];

export async function measureStart(options: BenchOptions, family: KernelFamily): Promise<Figure[]> {
  const starts: number[] = [];
  const selfTests: number[] = [];
  for (let round = 0; round < options.numRounds; round++) {
    const server = await startServer(ourServer(options, family));
    starts.push(server.startMs);
    const { selfTestMs } = (await (await fetch(`${server.url}/admin/memory`)).json()) as MemoryReport;
    if (selfTestMs !== undefined) selfTests.push(selfTestMs);
    await server.stop();
  }
  options.say(`${ourName(family)}: start to ready ${starts.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  const start = absoluteFigure("start to ready, model cached", median(starts), "ms", {
    kind: "atMost",
    value: 2000,
  });
  if (family === "wasm") return [start];
  const goal = { kind: "atMost", value: 50 } as const;
  return [start, absoluteFigure("self-test of the kernels", median(selfTests), "ms", goal)];
}

export async function measureLatency(options: BenchOptions, family: KernelFamily): Promise<Figure[]> {
  const server = await startServer(ourServer(options, family));
  let numFailed = 0;
  const load = async (name: LoadName, seed: number): Promise<void> => {
    numFailed += (await runLoad(server, makeLoad(name, seed, tokens))).numFailed;
  };
  try {
    const reuse = await probePrefixReuse(server, tokens, options.seed, options.numRounds);
    const fair = [];
    for (let round = 0; round < options.numRounds; round++)
      fair.push(await probeFairness(server, tokens, options.seed + round));
    const one = await outsideKernelsMs(server.url, () => load("single", options.seed + 90));
    const many = await outsideKernelsMs(server.url, () => load("conc", options.seed + 91));
    const wasted = await wastedTokensPerSequence(server.url, () => load("conc", options.seed + 92));
    return [
      ...reuseFigures(reuse),
      // At most one partial block of 16 tokens for each sequence.
      absoluteFigure("wasted in blocks, per sequence", wasted, "tokens", { kind: "atMost", value: 15 }),
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
      noneFigure("failed meanwhile", numFailed, "requests"),
    ];
  } finally {
    await server.stop();
  }
}

function reuseFigures({
  cachedMs,
  coldMs,
  numCachedTokens,
}: Awaited<ReturnType<typeof probePrefixReuse>>): Figure[] {
  const goal = { kind: "atMost", value: 0.05 } as const;
  return [
    ratioFigure("TTFT, 512 cached tokens and 1 new", cachedMs, "ms", "cold", coldMs, goal),
    absoluteFigure("cached of those tokens, at least", numCachedTokens, "tokens", {
      kind: "atLeast",
      value: numReusedTokens,
    }),
  ];
}

export async function measureTwins(options: BenchOptions, family: KernelFamily): Promise<Figure[]> {
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
    noneFigure("failed on either", twins.numFailed, "requests"),
  ];
}

export async function measureContexts(options: BenchOptions): Promise<Figure[]> {
  const rates = new Map<string, number[]>();
  const commands = options.kernels.map((family) => ourServer(options, family));
  const { peers, modelPath, numThreads, numRounds } = options;
  const room = { numThreads, numSlots: 1, numContextTokens: 8192 };
  if (peers !== null) commands.push(llamaServer(peers.folder, { modelPath, label: "Q4_1", ...room }));
  for (const command of commands) {
    const server = await startServer(command);
    try {
      await warmUp(server, options.seed, tokens);
      const row: number[] = [];
      for (const numContextTokens of contexts)
        row.push(await probeDecodeAtContext(server, tokens, options.seed, { numContextTokens, numRounds }));
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
