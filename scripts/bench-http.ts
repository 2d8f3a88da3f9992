/**
 * @module What HTTP and scheduling cost: the real application and engine on one core, over a model that computes nothing;
 * clients on another core. Prints a table; `--json`. With `--at NAME=PORT`, the same load goes to servers that already run.
 *
 *     npm run bench:http -- [ROUNDS]                                   default 5; needs taskset and two cores
 *     npm run bench:http -- 3 --at pagoda=8000 --at llama-server=8081
 */
import { spawn } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { loadStreams, median, percentile, ShortCompletions } from "./bench-http/load.ts";

const numStreams = 100;
const tokensPerStream = 1000;
const numShortClients = 32;
const shortSeconds = 4;
const shortTokens = 8;
const latencySeconds = 8;
/** Seconds of load before anything is measured: the compiler shares the server's one core until the code is hot. */
const warmSeconds = 5;
const goals = { chunks: 20_000, short: 1500, addedP99Ms: 10 } as const;

interface Server {
  readonly port: number;
  end(): Promise<void>;
}

/** @param stepMs each step of the model takes at least this time. */
async function start(stepMs: number): Promise<Server> {
  const worker = resolve(import.meta.dirname, "bench-http/idle-server.worker.ts");
  const child = spawn("taskset", ["-c", "0", process.execPath, worker, String(stepMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  let output = "";
  for await (const part of child.stdout) {
    output += String(part);
    const [, port] = /:(\d+)\s/.exec(output) ?? [];
    if (port === undefined) continue;
    return {
      port: Number(port),
      end: () => {
        child.kill("SIGKILL");
        return ended;
      },
    };
  }
  throw new TypeError(`the server ended: ${output}`);
}

interface Round {
  readonly chunks: number;
  readonly cut: number;
  readonly short: number;
  readonly p99MsAtHalfOfGoal: number;
  readonly p99MsAtHalfOfMaximum: number;
  readonly chunkP99Ms: number;
}

async function measureRound(): Promise<Round> {
  const server = await start(0);
  const completions = new ShortCompletions(server.port, shortTokens);
  await loadStreams(server.port, numStreams, tokensPerStream);
  await completions.perSecond(numShortClients, warmSeconds);
  const { chunksPerSecond, numCut } = await loadStreams(server.port, numStreams, tokensPerStream);
  const short = await completions.perSecond(numShortClients, shortSeconds);
  const atHalfOfGoal = await completions.latenciesMs(goals.short / 2, latencySeconds);
  const atHalfOfMaximum = await completions.latenciesMs(short / 2, latencySeconds);
  completions.close();
  await server.end();
  return {
    chunks: chunksPerSecond,
    cut: numCut,
    short,
    p99MsAtHalfOfGoal: percentile(atHalfOfGoal, 0.99),
    p99MsAtHalfOfMaximum: percentile(atHalfOfMaximum, 0.99),
    chunkP99Ms: await addedToChunksMs(),
  };
}

/** P99 of what is added to the time between two chunks when the model's steps make half of the goal's chunks a second. */
async function addedToChunksMs(): Promise<number> {
  const stepMs = (1000 * numStreams) / (goals.chunks / 2);
  const server = await start(stepMs);
  await loadStreams(server.port, numStreams, tokensPerStream);
  const { p99GapMs } = await loadStreams(server.port, numStreams, tokensPerStream);
  await server.end();
  return p99GapMs - stepMs;
}

/** Measures servers that already run in turns, so that a noisy minute meets all of them. */
async function compare(servers: readonly { name: string; port: number }[], numRounds: number): Promise<void> {
  const figures = servers.map(({ name, port }) => ({
    name,
    port,
    short: [] as number[],
    chunks: [] as number[],
    p99Ms: [] as number[],
  }));
  for (let round = 0; round <= numRounds; round++)
    for (const { port, short, chunks, p99Ms } of figures) {
      const completions = new ShortCompletions(port, shortTokens);
      const perSecond = await completions.perSecond(numShortClients, shortSeconds);
      const latencies = await completions.latenciesMs(perSecond / 2, shortSeconds);
      completions.close();
      const { chunksPerSecond } = await loadStreams(port, numShortClients, 100);
      if (round === 0) continue;
      short.push(perSecond);
      chunks.push(chunksPerSecond);
      p99Ms.push(percentile(latencies, 0.99));
    }
  console.log({ ...conditions(numRounds), warmUpRounds: 1 });
  console.table(
    figures.map(({ name, short, chunks, p99Ms }) => ({
      server: name,
      [`completions/s of ${shortTokens} tokens`]: Math.round(median(short)),
      [`chunks/s, ${numShortClients} streams`]: Math.round(median(chunks)),
      "P99 at half of the own completions/s, ms": Number(median(p99Ms).toFixed(1)),
      "completions beside the first": Number((median(short) / median(figures[0]?.short ?? [])).toFixed(2)),
    })),
  );
}

function conditions(rounds: number): object {
  return { processor: cpus()[0]?.model, rounds, loadAverage: loadavg()[0], node: process.version };
}

async function measureOwn(numRounds: number, isJson: boolean): Promise<void> {
  const rounds: Round[] = [];
  for (let round = 0; round < numRounds; round++) rounds.push(await measureRound());
  const middle = (figure: (round: Round) => number): number => Number(median(rounds.map(figure)).toFixed(2));
  const report = {
    conditions: conditions(numRounds),
    goals,
    chunksPerSecond: Math.round(middle(({ chunks }) => chunks)),
    streamsCut: rounds.reduce((sum, { cut }) => sum + cut, 0),
    shortPerSecond: Math.round(middle(({ short }) => short)),
    addedP99MsAtHalfOfGoal: middle((round) => round.p99MsAtHalfOfGoal),
    addedP99MsAtHalfOfMaximum: middle((round) => round.p99MsAtHalfOfMaximum),
    addedP99MsToChunks: middle(({ chunkP99Ms }) => chunkP99Ms),
    rounds,
  };
  if (isJson) {
    console.log(JSON.stringify(report, null, 2));
    return;
  }
  const atMost = `≤ ${goals.addedP99Ms}`;
  console.log(report.conditions);
  console.table([
    {
      figure: `chunks/s, ${numStreams} streams`,
      measured: report.chunksPerSecond,
      goal: `≥ ${goals.chunks}`,
    },
    { figure: "streams cut", measured: report.streamsCut, goal: "0" },
    {
      figure: `completions/s of ${shortTokens} tokens`,
      measured: report.shortPerSecond,
      goal: `≥ ${goals.short}`,
    },
    {
      figure: `added to a completion at ${goals.short / 2} a second, P99 ms`,
      measured: report.addedP99MsAtHalfOfGoal,
      goal: atMost,
    },
    {
      figure: "added to a completion at half of the measured rate, P99 ms",
      measured: report.addedP99MsAtHalfOfMaximum,
      goal: "",
    },
    {
      figure: `added to a chunk at ${goals.chunks / 2} a second, P99 ms`,
      measured: report.addedP99MsToChunks,
      goal: atMost,
    },
  ]);
}

const words = process.argv.slice(2);
const numRounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 5);
const others = words.flatMap((word) => {
  const [, name, port] = /^([^=]+)=(\d+)$/.exec(word) ?? [];
  return name === undefined ? [] : [{ name, port: Number(port) }];
});
if (others.length > 0) await compare(others, numRounds);
else await measureOwn(numRounds, words.includes("--json"));
