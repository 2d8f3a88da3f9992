/**
 * @module What HTTP and scheduling cost: the real application and engine on one core, over a model that computes nothing;
 * clients on another core. Prints a table; `--json`.
 *
 *     npm run bench:http -- [ROUNDS]        default 5; needs taskset and two cores
 */
import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const numStreams = 100;
const tokensPerStream = 1000;
const numShortClients = 32;
const shortSeconds = 4;
const shortTokens = 8;
const latencyRequests = 1500;
const goals = { chunks: 20_000, short: 1500, addedP99Ms: 10 } as const;

interface Server {
  readonly port: number;
  end(): Promise<void>;
}

async function start(): Promise<Server> {
  const worker = resolve(import.meta.dirname, "bench-http/idle-server.worker.ts");
  const child = spawn("taskset", ["-c", "0", process.execPath, worker], {
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

interface Streams {
  readonly chunksPerSecond: number;
  readonly numOutOfOrder: number;
}

async function streams(port: number): Promise<Streams> {
  const begun = performance.now();
  const ends = await Promise.all(Array.from({ length: numStreams }, (_, index) => rawStream(port, index)));
  const seconds = (performance.now() - begun) / 1000;
  const numChunks = ends.reduce((sum, { numChunks: count }) => sum + count, 0);
  return {
    chunksPerSecond: numChunks / seconds,
    numOutOfOrder: ends.filter(({ isWhole }) => !isWhole).length,
  };
}

/** Counts events by their ends, so that the client costs little; a whole stream has one event a token and ends with `[DONE]`. */
function rawStream(
  port: number,
  index: number,
): Promise<{ readonly numChunks: number; readonly isWhole: boolean }> {
  const {
    promise,
    resolve: ended,
    reject,
  } = Promise.withResolvers<{ numChunks: number; isWhole: boolean }>();
  const body = JSON.stringify({
    prompt: [1, 2, index % 60],
    max_tokens: tokensPerStream,
    stream: true,
    ignore_eos: true,
    temperature: 0,
  });
  const socket = connect(port, "127.0.0.1");
  let numChunks = 0;
  let last = "";
  socket.on("data", (part: Buffer) => {
    for (let at = part.indexOf("data: {"); at !== -1; at = part.indexOf("data: {", at + 7)) numChunks++;
    last = (last + part.toString("latin1")).slice(-40);
  });
  socket.once("error", reject);
  socket.once("close", () => ended({ numChunks, isWhole: last.includes("[DONE]") }));
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return promise;
}

/** Milliseconds of one short completion. */
function short(port: number, agent: Agent): Promise<number> {
  const { promise, resolve: ended, reject } = Promise.withResolvers<number>();
  const begun = performance.now();
  const body = JSON.stringify({
    prompt: [1, 2, 3],
    max_tokens: shortTokens,
    ignore_eos: true,
    temperature: 0,
  });
  const headers = { "content-type": "application/json", "content-length": body.length };
  const sent = request(
    { port, host: "127.0.0.1", path: "/v1/completions", method: "POST", headers, agent },
    (answer) => {
      answer.resume();
      answer.once("end", () => ended(performance.now() - begun));
    },
  );
  sent.once("error", reject);
  sent.end(body);
  return promise;
}

async function shortPerSecond(port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: numShortClients });
  let numDone = 0;
  const untilMs = performance.now() + shortSeconds * 1000;
  const client = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await short(port, agent);
      numDone++;
    }
  };
  await Promise.all(Array.from({ length: numShortClients }, client));
  agent.destroy();
  return numDone / shortSeconds;
}

/** P99 of a short completion that arrives at half of the rate, in ms: the model takes no time, so all of it is added. */
async function addedP99Ms(port: number, perSecond: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const taken: Promise<number>[] = [];
  const begun = performance.now();
  while (taken.length < latencyRequests) {
    const due = Math.min(latencyRequests, Math.floor(((performance.now() - begun) / 1000) * perSecond));
    while (taken.length < due) taken.push(short(port, agent));
    await pause(1);
  }
  const sorted = (await Promise.all(taken)).sort((a, b) => a - b);
  agent.destroy();
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const isJson = process.argv.includes("--json");
const numRounds = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 5);
const rounds: { chunks: number; outOfOrder: number; short: number; p99Ms: number }[] = [];
for (let round = 0; round < numRounds; round++) {
  const server = await start();
  await streams(server.port);
  const { chunksPerSecond, numOutOfOrder } = await streams(server.port);
  const shortRate = await shortPerSecond(server.port);
  const p99Ms = await addedP99Ms(server.port, shortRate / 2);
  await server.end();
  rounds.push({ chunks: chunksPerSecond, outOfOrder: numOutOfOrder, short: shortRate, p99Ms });
}
const report = {
  conditions: {
    processor: cpus()[0]?.model,
    rounds: numRounds,
    loadAverage: loadavg()[0],
    node: process.version,
  },
  goals,
  chunksPerSecond: Math.round(median(rounds.map(({ chunks }) => chunks))),
  streamsCutOrOutOfOrder: rounds.reduce((sum, { outOfOrder }) => sum + outOfOrder, 0),
  shortPerSecond: Math.round(median(rounds.map((round) => round.short))),
  addedP99Ms: Number(median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(2)),
  rounds,
};
if (isJson) console.log(JSON.stringify(report, null, 2));
else {
  console.log(report.conditions);
  console.table([
    {
      figure: `chunks/s, ${numStreams} streams`,
      measured: report.chunksPerSecond,
      goal: `≥ ${goals.chunks}`,
    },
    { figure: "streams cut", measured: report.streamsCutOrOutOfOrder, goal: "0" },
    {
      figure: `completions/s of ${shortTokens} tokens`,
      measured: report.shortPerSecond,
      goal: `≥ ${goals.short}`,
    },
    { figure: "added latency P99 at half, ms", measured: report.addedP99Ms, goal: `≤ ${goals.addedP99Ms}` },
  ]);
}
