/** @module Asks pip to download one package. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../download/file-errors.ts";
import type { SourceSettings } from "../settings/source-settings.ts";
import { bytesBelow } from "./folder-bytes.ts";

/** How pip is called, in the order tried. */
const pipCommands = [["python3", "-m", "pip"], ["pip3"], ["pip"], ["python", "-m", "pip"]] as const;
const pollMs = 500;
const maxKeptOutput = 4_000;

export type PipOutcome =
  | { readonly kind: "downloaded"; readonly path: string }
  | { readonly kind: "failed"; readonly why: string };

interface Exit {
  /** null: the command does not exist. */
  readonly status: number | null;
  readonly output: string;
}

/**
 * Downloads the wheel of `requirement` (without its dependencies) into `folder`, which must be empty.
 * `onBytes` hears now and then how much has come. Throws the reason of `settings.stop` once pip has ended for it.
 */
export async function pipDownload(
  requirement: string,
  folder: string,
  settings: SourceSettings,
  onBytes: (doneBytes: number) => void,
): Promise<PipOutcome> {
  const timer = setInterval(() => onBytes(bytesBelow(folder)), pollMs);
  try {
    let why = "pip is not installed";
    for (const command of pipCommands) {
      settings.stop.throwIfAborted();
      const exit = await run([...command, ...pipArguments(requirement, folder)], folder, settings);
      settings.stop.throwIfAborted();
      const wheel = readdirSync(folder).find((name) => name.endsWith(".whl"));
      if (exit.status === 0 && wheel !== undefined) return { kind: "downloaded", path: join(folder, wheel) };
      const isMissing = exit.status === null || exit.output.includes("No module named pip");
      if (isMissing) continue;
      why = `pip failed: ${lastLine(exit.output)}`;
      break;
    }
    return { kind: "failed", why };
  } finally {
    clearInterval(timer);
  }
}

function pipArguments(requirement: string, folder: string): readonly string[] {
  const quiet = ["--no-input", "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off"];
  return [
    "download",
    "--no-deps",
    "--only-binary",
    ":all:",
    "--retries",
    "2",
    ...quiet,
    "--dest",
    folder,
    requirement,
  ];
}

/** pip keeps what it is fetching in TMPDIR, so that is put where the bytes can be counted. */
function run(command: readonly string[], folder: string, settings: SourceSettings): Promise<Exit> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...settings.environment, TMPDIR: folder },
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-maxKeptOutput);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    // All that pip writes is in `folder`, which its caller removes: it has nothing to tidy up itself.
    const end = (): void => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
    };
    settings.stop.addEventListener("abort", end, { once: true });
    child.on("error", (cause) =>
      resolve({ status: errnoOf(cause) === "ENOENT" ? null : 1, output: cause.message }),
    );
    child.on("close", (status) => {
      settings.stop.removeEventListener("abort", end);
      resolve({ status: status ?? 1, output });
    });
  });
}

function lastLine(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.findLast((line) => line.includes("ERROR")) ?? lines.at(-1) ?? "it said nothing";
}
