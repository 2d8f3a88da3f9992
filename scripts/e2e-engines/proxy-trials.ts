/**
 * @module LMDeploy's proxy protocol in both directions: its real api_server joins our door, and a server of ours is a node
 * of its real proxy.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startInstance } from "../../src/fleet/instances/instance-process.ts";
import { freePort } from "../../src/process/server-process.ts";
import type { RealEngine } from "./engines-at.ts";
import type { Recording } from "./recording.ts";
import { keptLog, withEngine } from "./started-engine.ts";

const group = "proxy";
const checkout = fileURLToPath(new URL("../../", import.meta.url));

export async function proxyTrials(engine: RealEngine, recording: Recording, dest: string): Promise<void> {
  if (engine.name !== "lmdeploy") return;
  await recording.trial(group, "its api_server joins our door", () => joinsOurDoor(engine, dest));
  await recording.trial(group, "a server of ours is a node of its proxy", () => nodeOfItsProxy(engine, dest));
}

/** Our server with these flags, and its address once it answers. */
async function ourServer(dest: string, flags: readonly string[]) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [`${checkout}bin/pagoda.js`, "serve", `${dest}/models/smol.gguf`, "--port", String(port)];
  const command = {
    command: process.execPath,
    args: [...args, "--memory", "600MiB", ...flags],
    environment: {},
  };
  const server = await startInstance(command, keptLog(), `e2e-engines/${process.pid}/door-${port}`);
  await until(async () => (await fetch(`${url}/health`)).ok, 60_000);
  return { url, server };
}

async function until(isTrue: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    if (await isTrue().catch(() => false)) return Math.round(performance.now() - startedMs);
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

async function chat(url: string, model: string): Promise<string> {
  const body = { model, messages: [{ role: "user", content: "Say hello." }], max_tokens: 4, temperature: 0 };
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await answer.text();
  if (answer.status !== 200 || !/"content"/.test(text))
    throw new Error(`${answer.status}: ${text.slice(0, 300)}`);
  return `${answer.status} from "${(JSON.parse(text) as { model: string }).model}"`;
}

async function joinsOurDoor(engine: RealEngine, dest: string): Promise<string> {
  const { url, server } = await ourServer(dest, [
    "--served-model-name",
    "local",
    "--accept-nodes",
    "127.0.0.1",
  ]);
  try {
    const start = engine.start();
    const joining = { ...start, words: [...start.words, "--proxy-url", url] };
    return await withEngine(engine, joining, async (running) => {
      const status = async (): Promise<string> => (await fetch(`${url}/nodes/status`)).text();
      const ms = await until(async () => /"state":"ready"/.test(await status()), 30_000);
      const answered = await chat(url, "smol");
      await running.process.sweep();
      await until(async () => /"state":"away"/.test(await status()), 60_000);
      return `routed to ${ms} ms after it was ready; ${answered}; away after it was killed, and not forgotten`;
    });
  } finally {
    await server.sweep();
  }
}

async function nodeOfItsProxy(engine: RealEngine, dest: string): Promise<string> {
  const port = await freePort();
  const proxyUrl = `http://127.0.0.1:${port}`;
  const [program = "", launcher = ""] = engine.start().program ?? [];
  const words = ["serve", "proxy", "--server-name", "127.0.0.1", "--server-port", String(port)];
  const proxy = spawn(program, [launcher, ...words, "--disable-cache-status"], { stdio: "ignore" });
  try {
    await until(async () => (await fetch(`${proxyUrl}/nodes/status`)).ok, 120_000);
    const { url, server } = await ourServer(dest, ["--served-model-name", "ours", "--proxy-url", proxyUrl]);
    try {
      const listed = async (): Promise<boolean> =>
        (await (await fetch(`${proxyUrl}/nodes/status`)).text()).includes(url);
      await until(listed, 30_000);
      const answered = await chat(proxyUrl, "ours");
      const removal = { method: "POST", headers: { "content-type": "application/json" } };
      await fetch(`${proxyUrl}/nodes/remove`, { ...removal, body: JSON.stringify({ url }) });
      const ms = await until(listed, 30_000);
      await server.stop(10_000);
      await until(async () => !(await listed()), 10_000);
      return `${answered} through the proxy; registered again ${ms} ms after it was forgotten; removed at its end`;
    } finally {
      await server.sweep();
    }
  } finally {
    proxy.kill("SIGKILL");
  }
}
