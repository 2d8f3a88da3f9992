/**
 * @module Real engines of others beside ours under one `pagoda up`, through its door: started from a file, asked, put to sleep,
 * killed, and ended.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FleetInstance, FleetView } from "../../src/api/admin/fleet.ts";
import { processesTagged } from "../../src/process/process-identity.ts";
import type { Recording } from "./recording.ts";

const group = "fleet";
const binary = fileURLToPath(new URL("../../bin/pagoda.js", import.meta.url));
const withoutCard = fileURLToPath(new URL("lmdeploy_without_a_card.py", import.meta.url));
const names = ["own", "vllm", "llama", "lmdeploy"];

/** vLLM is asked for a length that its model does not have: the start fails, and `restart: fix` mends it. */
const fleetFile = (dest: string, lmdeploy: string): string => `
name: real-engines
server: {port: 0}
models:
  own: {model: ${dest}/models/smol.gguf, memory: 700MiB, flags: {max-model-len: 2048, max-num-seqs: 8}}
  llama:
    engine: llama-server
    program: ${dest}/llama.cpp/build/bin/llama-server
    model: ${dest}/models/smol.gguf
    memory: 1GiB
    flags: {parallel: 4, ctx-size: 8192, threads: 2, alias: llama}
  lmdeploy:
    engine: lmdeploy
    program: ${lmdeploy}
    model: ${dest}/models/smol
    memory: 2GiB
    flags: {backend: pytorch, session-len: 2048, max-batch-size: 8}
  vllm:
    engine: vllm
    program: ${dest}/vllm/bin/vllm
    model: ${dest}/models/smol
    memory: 4GiB
    restart: fix
    flags: {max-model-len: 100000, max-num-seqs: 8, kv-cache-memory-bytes: 268435456, dtype: bfloat16, enforce-eager: true}
    environment: {VLLM_CPU_OMP_THREADS_BIND: nobind}
`;

class RunningFleet {
  readonly folder = mkdtempSync(join(tmpdir(), "pagoda-engines-fleet-"));
  readonly environment = { ...process.env, XDG_STATE_HOME: join(this.folder, "state") };
  readonly file = join(this.folder, "fleet.yaml");
  readonly #output = join(this.folder, "up.txt");
  url = "";

  constructor(dest: string) {
    const lmdeploy = join(this.folder, "lmdeploy.sh");
    writeFileSync(lmdeploy, `#!/bin/sh\nexec ${dest}/lmdeploy/bin/python ${withoutCard} "$@"\n`);
    chmodSync(lmdeploy, 0o700);
    writeFileSync(this.file, fleetFile(dest, lmdeploy));
  }

  command(...args: readonly string[]): string {
    return execFileSync(process.execPath, [binary, ...args], { env: this.environment, encoding: "utf8" });
  }

  /** Resolves when every instance is ready or has failed. */
  async up(): Promise<void> {
    const output = openSync(this.#output, "a");
    const child = spawn(process.execPath, [binary, "up", this.file], {
      env: this.environment,
      stdio: ["ignore", output, output],
    });
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code) => reject(new Error(`pagoda up ended with ${code}`)));
    });
    const ready = async (): Promise<void> => {
      while (!/ready at (\S+)\/v1/.test(this.output())) await new Promise((wake) => setTimeout(wake, 200));
      this.url = /ready at (\S+)\/v1/.exec(this.output())?.[1] ?? "";
    };
    await Promise.race([ready(), ended]);
    ended.catch(() => undefined);
  }

  output(): string {
    return readFileSync(this.#output, "utf8");
  }

  async view(): Promise<FleetView> {
    return (await (await fetch(`${this.url}/admin/fleet`)).json()) as FleetView;
  }

  async instance(model: string): Promise<FleetInstance> {
    const found = (await this.view()).instances.find((instance) => instance.model === model);
    if (found === undefined) throw new Error(`${model} has no instance`);
    return found;
  }

  async ask(path: string, body: object): Promise<{ readonly text: string; readonly seconds: string }> {
    const startedMs = performance.now();
    const answer = await fetch(`${this.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(300_000),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${answer.status}: ${text.slice(0, 300)}`);
    return { text, seconds: ((performance.now() - startedMs) / 1000).toFixed(1) };
  }

  close(): void {
    try {
      this.command("down", "--now");
    } catch {
      // It has ended already.
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const chat = (model: string, more: object = {}) => ({
  model,
  messages: [{ role: "user", content: "Say hello." }],
  max_tokens: 8,
  temperature: 0,
  ...more,
});
const mib = (bytes: number | null): string =>
  bytes === null ? "unknown" : `${Math.round(bytes / 2 ** 20)} MiB`;

export async function fleetTrials(recording: Recording, dest: string): Promise<void> {
  const fleet = new RunningFleet(dest);
  try {
    await recording.trial(group, "started from one file, one after another", () => start(fleet));
    for (const model of names) await recording.trial(group, `${model}: answers`, () => answers(fleet, model));
    await recording.trial(group, "reserved and held", () => bytes(fleet));
    await recording.trial(group, "sleep of an engine that has one", () => sleep(fleet, "lmdeploy", true));
    await recording.trial(group, "sleep of an engine that has none", () => sleep(fleet, "llama", false));
    await recording.trial(group, "vLLM's engine core is killed", () => kill(fleet, "vllm", /EngineCore/));
    await recording.trial(group, "llama-server is killed", () => kill(fleet, "llama", null));
    await recording.trial(group, "the end", () => end(fleet));
  } finally {
    fleet.close();
  }
}

async function start(fleet: RunningFleet): Promise<string> {
  const startedMs = performance.now();
  await fleet.up();
  const { instances, events } = await fleet.view();
  const lines = instances.map(({ model, state, startMs, reason }) =>
    state === "ready" ? `${model} ${((startMs ?? 0) / 1000).toFixed(1)} s` : `${model} ${state}: ${reason}`,
  );
  const fixed = events.find(({ reason }) => reason.includes("restart: fix"));
  const seen = `${lines.join(", ")}; all after ${((performance.now() - startedMs) / 1000).toFixed(1)} s. ${fixed?.reason ?? "no start was fixed"}`;
  // Starts overlap where one was not held until the one before had ended.
  const order = events.filter(({ state }) => ["starting", "ready", "pausing", "failed"].includes(state));
  const isInOrder = order.every((event, index) => (event.state === "starting") === (index % 2 === 0));
  if (instances.some(({ state }) => state !== "ready") || fixed === undefined || !isInOrder)
    throw new Error(isInOrder ? seen : `starts overlap: ${seen}`);
  return seen;
}

async function answers(fleet: RunningFleet, model: string): Promise<string> {
  const plain = await fleet.ask("/v1/chat/completions", chat(model));
  const streamed = await fleet.ask("/v1/chat/completions", chat(model, { stream: true }));
  const completed = await fleet.ask("/v1/completions", {
    model,
    prompt: "The capital of France is",
    max_tokens: 6,
    temperature: 0,
  });
  const numEvents = streamed.text.split("data: ").length - 1;
  if (!streamed.text.includes("[DONE]"))
    throw new Error(`the stream has no end: ${streamed.text.slice(-200)}`);
  const { choices } = JSON.parse(plain.text) as {
    readonly choices: readonly { readonly message: { readonly content: string } }[];
  };
  JSON.parse(completed.text);
  return `chat ${JSON.stringify(choices[0]?.message.content)}, ${numEvents} events of a streamed one, a completion`;
}

async function bytes(fleet: RunningFleet): Promise<string> {
  // The supervisor measures every five seconds.
  await new Promise((wake) => setTimeout(wake, 6000));
  const [device] = (await fleet.view()).devices;
  const rows = device?.entries.map(
    ({ instanceId, reservedBytes, heldBytes }) => `${instanceId} ${mib(heldBytes)} of ${mib(reservedBytes)}`,
  );
  const isWithin = device?.entries.every((entry) => (entry.heldBytes ?? 0) <= entry.reservedBytes) === true;
  const seen = `${rows?.join(", ")}; available ${mib(device?.availableBytes ?? null)}`;
  if (!isWithin || (device?.availableBytes ?? -1) < 0) throw new Error(seen);
  return seen;
}

async function sleep(fleet: RunningFleet, model: string, staysThere: boolean): Promise<string> {
  const before = await fleet.instance(model);
  fleet.command("sleep", model);
  const view = await fleet.view();
  const asleep = view.instances.find((instance) => instance.model === model);
  const entry = view.devices[0]?.entries.find(({ instanceId }) => instanceId === before.instanceId);
  if ((asleep?.pid === before.pid) !== staysThere)
    throw new Error(`process ${before.pid}, then ${asleep?.pid}`);
  const { seconds } = await fleet.ask("/v1/chat/completions", chat(model));
  const after = await fleet.instance(model);
  if ((after.pid === before.pid) !== staysThere) throw new Error(`process ${before.pid}, then ${after.pid}`);
  return staysThere
    ? `its process stayed and ${mib(entry?.reservedBytes ?? null)} reserved; the next request woke it and took ${seconds} s`
    : `its process ended and nothing stayed reserved; the next request started it and took ${seconds} s`;
}

/** A request that comes right after the kill waits for the new start. */
async function kill(fleet: RunningFleet, model: string, core: RegExp | null): Promise<string> {
  const before = await fleet.instance(model);
  const rows = execFileSync("ps", ["-eo", "pid=,sid=,args="], { encoding: "utf8" }).split("\n");
  const found =
    core === null
      ? before.pid
      : Number(
          rows
            .map((row) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row))
            .find((row) => Number(row?.[2]) === before.pid && core.test(row?.[3] ?? ""))?.[1],
        );
  process.kill(found ?? Number.NaN, "SIGKILL");
  while ((await fleet.instance(model)).state === "ready") await new Promise((wake) => setTimeout(wake, 50));
  const { reason } = await fleet.instance(model);
  const { seconds } = await fleet.ask("/v1/chat/completions", chat(model));
  const after = await fleet.instance(model);
  if (after.pid === before.pid) throw new Error("it is the same process");
  return `"${reason}" A request sent then was answered after ${seconds} s by the new start`;
}

async function end(fleet: RunningFleet): Promise<string> {
  const { instances } = await fleet.view();
  const tags = processesTagged("PAGODA_INSTANCE", "").filter(({ pid }) =>
    instances.some((instance) => instance.pid === pid),
  );
  const fleetTag = tags[0]?.value.split("/")[0] ?? "";
  if (fleetTag === "") throw new Error("no instance carries the mark of the fleet");
  const startedMs = performance.now();
  fleet.command("down");
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const left = processesTagged("PAGODA_INSTANCE", `${fleetTag}/`);
  const sessions = instances.map(({ pid }) => String(pid));
  const rows = execFileSync("ps", ["-eo", "sid=,stat="], { encoding: "utf8" }).split("\n");
  const inSession = rows.filter(
    (row) => sessions.includes(row.trim().split(/\s+/)[0] ?? "") && !/Z/.test(row),
  );
  const seen = `pagoda down took ${seconds} s; ${left.length + inSession.length} processes left`;
  if (left.length + inSession.length > 0) throw new Error(seen);
  return seen;
}
