/** @module The picture of a start in the README: the budget table of the default model under `--memory 700MiB`. */
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TerminalScreen } from "./terminal-svg.ts";

const root = resolve(import.meta.dirname, "../..");
const readyLine = /ready at/;

/** Starts a real server, keeps what it prints until it is ready, and ends it. The measured column is this machine's. */
export async function budgetScreen(): Promise<TerminalScreen> {
  const server = spawn(
    process.execPath,
    [join(root, "bin/pagoda.js"), "serve", "--memory", "700MiB", "--port", "0"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stdout })) {
    lines.push(line.replaceAll(/(127\.0\.0\.1):\d+/g, "$1:8000"));
    if (readyLine.test(line)) break;
  }
  server.kill("SIGTERM");
  await new Promise((ended) => server.once("exit", ended));
  return { command: "pagoda serve --memory 700MiB", lines };
}
