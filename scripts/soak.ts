/**
 * @module Odd requests by seeds against a server in a process of its own; writes what happened into docs/soak.md. A slice of
 * it is in `npm test` (src/server/odd-requests.test.ts).
 *
 *     npm run soak                          1,000,000 over a scripted model, 20,000 over the default model
 *     npm run soak -- scripted 50000
 *     npm run soak -- real 20000 MODEL      MODEL: a folder or a file; default the default model
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { heapFlags, mallocVariables } from "../src/cli/lifecycle/heap.ts";
import { heapCeilingFor, readDeviceMemory } from "../src/instance/index.ts";
import { accessOf } from "../src/server/access/access-control.ts";
import { type OddTarget, oddRequest } from "../src/server/testing/odd-requests.ts";
import { rawExchange } from "../src/server/testing/raw-exchange.ts";
import { type RequestSoakCounts, requestSoak } from "../src/server/testing/request-soak.ts";
import { soakDocument } from "./soak/document.ts";

const root = resolve(import.meta.dirname, "..");
const mib = 2 ** 20;
const memory = "700MiB";
const numClients = 16;
const mostMs = 120_000;
const numAlone = 4000;

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

export interface SoakReport {
  readonly over: "scripted" | "real";
  readonly numRequests: number;
  readonly seconds: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<string, number>>;
  readonly numWithoutAnswer: number;
  readonly faults: readonly string[];
  /** After a tenth of the requests, and after the last. */
  readonly residentMib: readonly [number, number];
  /** Live objects of the scripted server after a collection, at the same times. */
  readonly heapMib?: readonly [number, number];
  readonly longestBlockedMs: number | null;
  /** By one request of the scripted server that has no others. */
  readonly longestBlockedAloneMs?: number;
  /** Blocks that are referenced when all have ended, or requests without exactly one ending. */
  readonly numLeftOver: number;
}

async function addressOf(child: ChildProcess, pattern: RegExp): Promise<Server> {
  let output = "";
  for await (const data of child.stdout ?? []) {
    output += String(data);
    const [, url] = pattern.exec(output) ?? [];
    if (url !== undefined) return { child, url };
  }
  throw new TypeError(`the server ended: ${output}`);
}

/** Under the ceiling of the heap that `pagoda serve` would have. */
function startScripted(): Promise<Server> {
  const ceilingMib = heapCeilingFor({ memory }, {}, readDeviceMemory());
  const child = fork(resolve(root, "scripts/soak/scripted-server.worker.ts"), {
    execArgv: [...heapFlags(ceilingMib), "--expose-gc"],
    env: { ...process.env, ...mallocVariables },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  return addressOf(child, /^(http:\S+)/m);
}

function startReal(model: readonly string[]): Promise<Server> {
  const args = ["serve", ...model, "--port", "0", "--memory", memory, "--max-model-len", "1024"];
  const child = spawn(process.execPath, [resolve(root, "bin/pagoda.js"), ...args, "--log-level", "fatal"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return addressOf(child, /ready at (\S+)\/v1/);
}

function residentMib({ child }: Server): number {
  const [, numKib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
  return Math.round(Number(numKib) / 1024);
}

/** Paths that anybody may use: the administrator's would put a real server to sleep. */
async function targetOf({ url }: Server, isReal: boolean): Promise<OddTarget> {
  const { paths, models } = (await (await fetch(`${url}/v1`)).json()) as {
    paths: OddTarget["paths"];
    models: readonly { id: string }[];
  };
  const usable = isReal ? paths.filter(({ path }) => accessOf(path) !== "admin") : paths;
  return { paths: usable, modelName: models[0]?.id ?? "" };
}

async function run(
  over: "scripted" | "real",
  numRequests: number,
  model: readonly string[],
): Promise<SoakReport> {
  const server = over === "scripted" ? await startScripted() : await startReal(model);
  const startMs = performance.now();
  let atTenth = 0;
  let heapAtTenth: Promise<number> | null = null;
  try {
    const target = await targetOf(server, over === "real");
    const alone = over === "scripted" ? await longestBlockedAloneMs(server, target) : null;
    const counts = await requestSoak({
      port: Number(new URL(server.url).port),
      target,
      firstSeed: 0,
      numRequests,
      numClients,
      mostMs,
      onProgress: (numEnded) => {
        if (numEnded === Math.ceil(numRequests / 10)) {
          atTenth = residentMib(server);
          if (over === "scripted") heapAtTenth = heapMib(server);
        }
        if (numEnded % 20_000 === 0) console.error(`${numEnded} of ${numRequests}`);
      },
    });
    const seconds = Math.round((performance.now() - startMs) / 1000);
    return {
      over,
      numRequests: sumOf(counts.byKind),
      seconds,
      ...counts,
      residentMib: [atTenth, residentMib(server)],
      ...(heapAtTenth === null ? {} : { heapMib: [await heapAtTenth, await heapMib(server)] }),
      longestBlockedMs: await longestBlockedMs(server),
      ...(alone === null ? {} : { longestBlockedAloneMs: alone }),
      numLeftOver: over === "real" ? await referencedBlocks(server) : await unendedRequests(server),
    };
  } finally {
    server.child.kill("SIGTERM");
  }
}

const sumOf = (counts: RequestSoakCounts["byKind"]): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

async function longestBlockedMs({ url }: Server): Promise<number | null> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const [, seconds] = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(metrics) ?? [];
  return seconds === undefined ? null : Math.round(Number(seconds) * 1000);
}

async function referencedBlocks({ url }: Server): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const { blocks } = (await (await fetch(`${url}/admin/memory`)).json()) as {
      blocks: { numReferenced: number };
    };
    if (blocks.numReferenced === 0 || attempt === 600) return blocks.numReferenced;
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

const heapMib = async (server: Server): Promise<number> =>
  Math.round((await asked(server, "heap", "heapBytes")) / mib);

/** Sends requests one after another, and asks after each how long the loop was blocked. */
async function longestBlockedAloneMs(server: Server, target: OddTarget): Promise<number> {
  const port = Number(new URL(server.url).port);
  let longestMs = 0;
  for (let seed = 0; seed < numAlone; seed++) {
    await rawExchange(port, oddRequest(seed, target), mostMs);
    longestMs = Math.max(longestMs, await asked(server, "blocked", "blockedMs"));
  }
  return Math.round(longestMs);
}

async function asked({ child }: Server, question: string, field: string): Promise<number> {
  child.send(question);
  for (;;) {
    const [message] = await once(child, "message");
    if (field in message) return message[field];
  }
}

async function unendedRequests({ child }: Server): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    child.send("counts");
    const [counts] = await once(child, "message");
    const left = Math.abs(counts.numRequests - counts.numEndings) + counts.numRunning;
    if (left === 0 || attempt === 600) return left;
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

const usage = `usage: npm run soak [-- scripted [COUNT] | -- real [COUNT [MODEL]]]

  npm run soak                          1,000,000 requests over a scripted model, 20,000 over the default model
  npm run soak -- scripted 50000
  npm run soak -- real 20000 MODEL`;
const [over, count, ...model] = process.argv.slice(2);
const isKnown = over === undefined || over === "scripted" || over === "real";
if (!isKnown || !(count === undefined || Number(count) > 0) || model.length > (over === "real" ? 1 : 0)) {
  console.error(usage);
  process.exit(over === "--help" || over === "-h" ? 0 : 2);
}
const wanted: readonly ["scripted" | "real", number][] =
  over === "scripted" || over === "real"
    ? [[over, Number(count ?? (over === "real" ? 20_000 : 1_000_000))]]
    : [
        ["scripted", 1_000_000],
        ["real", 20_000],
      ];
for (const [which, numRequests] of wanted) {
  const report = await run(which, numRequests, model);
  console.log(JSON.stringify(report, null, 2));
  const path = resolve(root, "docs/soak.md");
  writeFileSync(path, soakDocument(path, report));
  const [before, after] = report.residentMib;
  const hasGrown = (after - before) * mib > 24 * mib;
  if (report.faults.length > 0 || report.numLeftOver > 0 || hasGrown) process.exitCode = 1;
}
