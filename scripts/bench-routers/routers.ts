/** @module The routers that are compared: how each is started over the same endpoints, and when it is ready. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../src/process/server-process.ts";
import { Clients } from "./clients.ts";
import { groupedBodies } from "./prompts.ts";

export interface RouterKind {
  readonly name: string;
  readonly command: (port: number, urls: readonly string[]) => readonly string[];
  /** It is told of its endpoints once it runs. */
  readonly join?: (port: number, urls: readonly string[]) => Promise<void>;
  /** It chooses a port itself and prints it. */
  readonly printsPort?: boolean;
}

export interface RunningRouter {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  end(): Promise<void>;
}

/** Folders of Python's environments, for what is not installed elsewhere. */
export interface PeerPaths {
  /** With vllm-router 0.1.17 and sglang-router. */
  readonly routers: string;
  readonly lmdeploy: string;
}

const worker = (name: string): string => resolve(import.meta.dirname, name);

export function routerKinds(paths: PeerPaths): RouterKind[] {
  const ours = (policy: string): RouterKind => ({
    name: `pagoda ${policy}`,
    printsPort: true,
    command: (_port, urls) => [process.execPath, worker("our-router.worker.ts"), policy, ...urls],
  });
  const vllm = (policy: string): RouterKind => ({
    name: `vllm-router ${policy}`,
    command: (port, urls) => [
      `${paths.routers}/bin/vllm-router`,
      ...["--host", "127.0.0.1", "--port", `${port}`, "--policy", policy, "--log-level", "error"],
      ...["--prometheus-port", `${port + 1}`, "--worker-urls", ...urls],
    ],
  });
  const sglang = (policy: string): RouterKind => ({
    name: `sglang-router ${policy}`,
    command: (port, urls) => [
      `${paths.routers}/bin/sglang-router`,
      ...["launch", "--host", "127.0.0.1", "--port", `${port}`, "--policy", policy, "--log-level", "error"],
      ...["--prometheus-port", `${port + 1}`, "--worker-urls", ...urls],
    ],
  });
  const kinds = [ours("cost"), ours("round_robin")];
  if (existsSync(`${paths.routers}/bin/vllm-router`)) kinds.push(vllm("cache_aware"), vllm("round_robin"));
  if (existsSync(`${paths.routers}/bin/sglang-router`))
    kinds.push(sglang("cache_aware"), sglang("round_robin"));
  if (existsSync(`${paths.lmdeploy}/bin/lmdeploy`)) kinds.push(lmdeployProxy(paths.lmdeploy));
  return kinds;
}

function lmdeployProxy(folder: string): RouterKind {
  return {
    name: "lmdeploy proxy",
    command: (port) => [
      `${folder}/bin/lmdeploy`,
      ...["serve", "proxy", "--server-name", "127.0.0.1", "--server-port", `${port}`],
      ...["--log-level", "ERROR", "--disable-cache-status"],
    ],
    join: async (port, urls) => {
      for (const url of urls)
        await fetch(`http://127.0.0.1:${port}/nodes/add`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ url }),
        });
    },
  };
}

const readyWithinMs = 120_000;

/** On processor 0 alone. Resolves when it has answered. */
export async function startRouter(kind: RouterKind, urls: readonly string[]): Promise<RunningRouter> {
  const asked = await freePort();
  const child = spawn("taskset", ["-c", "0", ...kind.command(asked, urls)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_PROXY: "*", no_proxy: "*" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      output = (output + String(part)).slice(-4000);
    });
  const untilMs = performance.now() + readyWithinMs;
  let hasJoined = kind.join === undefined;
  while (performance.now() < untilMs) {
    if (child.exitCode !== null) break;
    await pause(250);
    const port = kind.printsPort === true ? Number(/:(\d+) /.exec(output)?.[1] ?? 0) : asked;
    if (port === 0) continue;
    try {
      if (!hasJoined) await kind.join?.(port, urls);
      hasJoined = true;
      const client = new Clients(port, groupedBodies(256));
      await client.one().finally(() => client.close());
      return { name: kind.name, port, pid: child.pid ?? 0, end: () => ended(child) };
    } catch {
      // Not yet.
    }
  }
  await ended(child);
  throw new TypeError(`${kind.name} was not ready: ${output}`);
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const closed = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGKILL");
  return closed;
}
