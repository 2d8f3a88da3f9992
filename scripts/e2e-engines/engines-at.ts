/** @module The real engines below a folder, and how each of them is started with the small model. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { EngineStart } from "../../src/fleet/drivers/contract/engine-start.ts";

export interface RealEngine {
  readonly name: string;
  /** As the engine itself states it. */
  readonly version: string;
  /** Why it cannot run; null where it can. */
  readonly missing: string | null;
  /** A start with these flags behind the model. */
  start(flags?: readonly string[], model?: string): EngineStart;
  /** Whether it can be made to call a tool; LMDeploy's text is ours here. */
  readonly callsTools: boolean;
  /** Which words of a process's name tell the process that computes; null where there is only one. */
  readonly core: RegExp | null;
}

const checkout = fileURLToPath(new URL("../../", import.meta.url));
/** How long running requests have after SIGTERM. */
export const drainMs = 60_000;
const common = {
  servedName: "smol",
  maxModelLen: 2048,
  seats: 8,
  deviceIds: [],
  drainMs,
  environment: {},
  explainWith: null,
};

export function enginesAt(dest: string): RealEngine[] {
  const folder = `${dest}/models/smol`;
  const file = `${dest}/models/smol.gguf`;
  return [pagoda(file), vllm(dest, folder), llamaServer(dest, file), lmdeploy(dest, folder)];
}

const missingOf = (...paths: readonly string[]): string | null => {
  const missing = paths.find((path) => !existsSync(path));
  return missing === undefined ? null : `${missing} is missing`;
};

/** The first line that matches, of what a program prints about itself; empty where it does not run. */
function printed(program: string, args: readonly string[], pattern: RegExp): string {
  if (!existsSync(program)) return "";
  const text = execFileSync("sh", ["-c", `"$0" "$@" 2>&1`, program, ...args], { encoding: "utf8" });
  return pattern.exec(text)?.[1] ?? text.trim().slice(0, 60);
}

function pagoda(file: string): RealEngine {
  const program = [process.execPath, `${checkout}bin/pagoda.js`];
  return {
    name: "pagoda",
    version: printed(process.execPath, [`${checkout}bin/pagoda.js`, "--version"], /(\d[\w.]*)/),
    missing: missingOf(file),
    core: null,
    callsTools: true,
    start: (
      flags = ["--max-model-len", "2048", "--max-num-seqs", "8", "--memory", "700MiB"],
      model = file,
    ) => ({
      ...common,
      program,
      version: null,
      words: ["pagoda", "serve", model, "--served-model-name", "smol", ...flags],
    }),
  };
}

const vllmFlags =
  "--max-model-len 2048 --max-num-seqs 8 --kv-cache-memory-bytes 268435456 --dtype bfloat16".split(" ");
/** With which a vLLM for processors starts fastest: no compilation, no warm-up. */
const quickStart = ["--enforce-eager", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"];

function vllm(dest: string, folder: string): RealEngine {
  const program = `${dest}/vllm/bin/vllm`;
  const version = existsSync(program) ? printed(program, ["--version"], /^(\d[\w.+]*)$/m) : "";
  return {
    name: "vllm",
    version,
    missing: missingOf(program, folder),
    core: /EngineCore/,
    callsTools: true,
    start: (flags = [...vllmFlags, ...quickStart], model = folder) => ({
      ...common,
      program: [program],
      version: version.replace(/\+.*/, ""),
      words: ["vllm", "serve", model, ...flags],
      // Beside another instance each thread would be bound to the same core.
      environment: { VLLM_SERVER_DEV_MODE: "1", VLLM_CPU_OMP_THREADS_BIND: "nobind" },
    }),
  };
}

function llamaServer(dest: string, file: string): RealEngine {
  const program = `${dest}/llama.cpp/build/bin/llama-server`;
  return {
    name: "llama-server",
    version: printed(program, ["--version"], /version: (.*)/),
    missing: missingOf(program, file),
    core: null,
    callsTools: true,
    start: (flags = "-np 4 -c 8192 -t 2 --jinja".split(" "), model = file) => ({
      ...common,
      program: [program],
      version: null,
      words: ["llama-server", "-m", model, ...flags],
    }),
  };
}

/** The real server over an engine of our own, because LMDeploy computes on cards only. */
function lmdeploy(dest: string, folder: string): RealEngine {
  const program = `${dest}/lmdeploy/bin/python`;
  return {
    name: "lmdeploy",
    version: printed(
      program,
      ["-c", "import importlib.metadata as m; print(m.version('lmdeploy'))"],
      /(\d[\w.]*)/,
    ),
    missing: missingOf(program, folder),
    core: /lmdeploy-engine/,
    callsTools: false,
    start: (
      flags = "--backend pytorch --session-len 2048 --max-batch-size 8 --log-level INFO".split(" "),
      model = folder,
    ) => ({
      ...common,
      program: [program, `${checkout}scripts/e2e-engines/lmdeploy_without_a_card.py`],
      version: null,
      words: ["lmdeploy", "serve", "api_server", model, ...flags],
    }),
  };
}
