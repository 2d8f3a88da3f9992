/** @module Trials of an engine's life: drained, killed whole, killed in its core, ended while it starts, and no orphans. */
import { execFileSync } from "node:child_process";
import { residentBytes } from "../../src/process/process-tree.ts";
import { drainMs, type RealEngine } from "./engines-at.ts";
import type { Recording } from "./recording.ts";
import { type StartedEngine, startEngine, withEngine } from "./started-engine.ts";

const group = "life";
const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

export async function lifeTrials(engine: RealEngine, recording: Recording): Promise<void> {
  await recording.trial(group, "drain", () => withEngine(engine, engine.start(), drain));
  await recording.trial(group, "SIGTERM with an open stream, where the engine does not drain", () =>
    withEngine(engine, engine.start(), breakOff),
  );
  await recording.trial(group, "SIGKILL of the process that was started", () =>
    withEngine(engine, engine.start(), killRoot),
  );
  if (engine.core !== null)
    await recording.trial(group, "SIGKILL of the engine core", () =>
      withEngine(engine, engine.start(), (running) => killCore(running, engine.core ?? /./)),
    );
  await recording.trial(group, "SIGTERM while it starts", () => endEarly(engine));
}

const body = {
  model: "smol",
  prompt: "Count: 1, 2, 3, 4, 5, 6, 7, 8,",
  max_tokens: 48,
  temperature: 0,
  ignore_eos: true,
  stream: true,
};

interface OpenStream {
  readonly first: Promise<void>;
  /** How it ended: events, and the last finish reason. */
  readonly ended: Promise<{ readonly numEvents: number; readonly finish: string; readonly isWhole: boolean }>;
}

function openStream(url: string): OpenStream {
  const first = Promise.withResolvers<void>();
  const read = async (): Promise<Awaited<OpenStream["ended"]>> => {
    const answer = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(120_000),
    });
    let text = "";
    try {
      for await (const piece of answer.body ?? []) {
        text += Buffer.from(piece).toString("utf8");
        first.resolve();
      }
    } catch {
      // A broken stream is what is looked for.
    }
    first.resolve();
    const finishes = [...text.matchAll(/"finish_reason":\s*"(\w+)"/g)];
    return {
      numEvents: text.split("data: ").length - 1,
      finish: finishes.at(-1)?.[1] ?? "none",
      isWhole: text.includes("[DONE]"),
    };
  };
  const ended = read();
  ended.catch((error) => first.reject(error));
  return { first: first.promise, ended };
}

/**
 * SIGTERM while a stream runs: it ends whole within the limit that the start was given. Of an engine that breaks it off,
 * the end of the stream is awaited first, as the fleet does.
 */
async function drain(running: StartedEngine): Promise<string> {
  const stream = openStream(running.url);
  await stream.first;
  if (!running.driver.finishesAfterSigterm) await stream.ended;
  const startedMs = performance.now();
  const stopping = running.process.stop(drainMs + running.driver.endWithinMs);
  await new Promise((wake) => setTimeout(wake, 200));
  const late = await fetch(`${running.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: false, max_tokens: 4 }),
    signal: AbortSignal.timeout(60_000),
  }).then(
    async (answer) => `${answer.status} ${(await answer.text()).slice(0, 200)}`,
    (error: Error) => `no answer (${error.cause instanceof Error ? error.cause.message : error.message})`,
  );
  const { numEvents, finish, isWhole } = await stream.ended;
  const { exitCode, signal } = await running.process.ended;
  const left = await stopping;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const seen = `the stream ended with "${finish}" after ${numEvents} events; a request after SIGTERM: ${late.trim()}; ended ${signal ?? `with code ${exitCode}`} in ${seconds} s; ${left.length} processes left`;
  if (!isWhole || finish !== "length" || left.length > 0) throw new Error(seen);
  return seen;
}

/** What becomes of an open stream at SIGTERM. */
async function breakOff(running: StartedEngine): Promise<string> {
  if (running.driver.finishesAfterSigterm) return "it drains";
  const stream = openStream(running.url);
  await stream.first;
  const startedMs = performance.now();
  const left = await running.process.stop(60_000);
  const { numEvents, finish } = await stream.ended;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  return `the stream was cut off ("${finish}") after ${numEvents} events; ended in ${seconds} s; ${left.length} processes left`;
}

/** What outlives the process that was started, and how long the sweep takes until its memory is back. */
async function killRoot(running: StartedEngine): Promise<string> {
  const { pid } = running.process.identity;
  const before = residentBytes(pid);
  process.kill(pid, "SIGKILL");
  const { signal } = await running.process.ended;
  await new Promise((wake) => setTimeout(wake, 3000));
  const orphans = running.process.members();
  const held = orphans.length === 0 ? 0 : residentBytes(pid);
  const startedMs = performance.now();
  const left = await running.process.sweep();
  const seen = `${signal}; ${orphans.length} processes outlived it by 3 s and held ${mib(held)} of ${mib(before)}; all gone ${Math.round(performance.now() - startedMs)} ms after the sweep began`;
  if (left.length > 0 || groupMembers(pid) > 0) throw new Error(seen);
  return seen;
}

/** Processes of a group by `ps`, which looks past environment and title. */
function groupMembers(groupId: number): number {
  const rows = execFileSync("ps", ["-eo", "pgid=,stat="], { encoding: "utf8" }).split("\n");
  return rows.filter((row) => row.trim().startsWith(`${groupId} `) && !/ Z/.test(row)).length;
}

async function killCore(running: StartedEngine, core: RegExp): Promise<string> {
  const { pid: rootPid } = running.process.identity;
  const rows = execFileSync("ps", ["-eo", "pid=,pgid=,args="], { encoding: "utf8" }).split("\n");
  const found = rows
    .map((row) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row))
    .find((row) => Number(row?.[2]) === rootPid && Number(row?.[1]) !== rootPid && core.test(row?.[3] ?? ""));
  if (found === null || found === undefined) throw new Error(`no process of the tree matches ${core}`);
  const stream = openStream(running.url);
  await stream.first;
  const startedMs = performance.now();
  process.kill(Number(found[1]), "SIGKILL");
  const { finish, isWhole } = await stream.ended;
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), 60_000).unref());
  const end = await Promise.race([running.process.ended, late]);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const isReady = await running.driver.isReady(running.port, AbortSignal.timeout(5000));
  const orphans = running.process.members();
  const left = await running.process.sweep();
  const how =
    end === null
      ? `the server still runs after 60 s (${isReady ? "and says it is ready" : "and says it is not ready"})`
      : `the server ended ${end.signal ?? `with code ${end.exitCode}`} after ${seconds} s, which counts as ${running.driver.endKind(end)}`;
  const seen = `the stream ended with "${finish}"${isWhole ? "" : ", cut off"}; ${how}; ${orphans.length} processes left before the sweep, ${left.length} after it`;
  if (left.length > 0 || isReady) throw new Error(seen);
  return seen;
}

/** Asked to end before it is ready. */
async function endEarly(engine: RealEngine): Promise<string> {
  const running = await startEngine(engine, engine.start());
  const waitMs = engine.core === null ? 300 : 20_000;
  await new Promise((wake) => setTimeout(wake, waitMs));
  const startedMs = performance.now();
  const left = await running.process.stop(30_000);
  const { exitCode, signal } = await running.process.ended;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const seen = `${waitMs / 1000} s after the start: ended ${signal ?? `with code ${exitCode}`} in ${seconds} s; ${left.length} processes left`;
  await running.end();
  if (left.length > 0) throw new Error(seen);
  return seen;
}
