/** @module pagoda logs: what the instances of a fleet have written, also after their supervisor has gone. */
import { existsSync, readdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import { nearestNames } from "../../../core/options/nearest-names.ts";
import { exitCodes, fleetOptions } from "./fleet-command.ts";

interface LogsOptions {
  readonly fleet?: string;
  readonly json?: boolean;
  readonly follow?: boolean;
  readonly tail: string;
}

const examples = `
Examples:
  pagoda logs
  pagoda logs small --tail 20
  pagoda logs -f small-0

${exitCodes}`;

export function addLogsCommand(program: Command): void {
  fleetOptions(program.command("logs"))
    .argument("[name]", "a model, an instance, or supervisor (default: all)")
    .description("Print what instances have written.")
    .option("-f, --follow", "go on printing until Ctrl-C")
    .option("--tail <lines>", "lines of each to begin with", "100")
    .addHelpText("after", examples)
    .action(async (name: string | undefined, options: LogsOptions) => {
      const { findFleet } = await import("../../fleet/running-fleet.ts");
      const { folder, store } = findFleet(options);
      store.close();
      const files = filesOf(folder.logFolder, name);
      const print = printer(files.length > 1, options.json === true);
      const tails = files.map((path) => new FileTail(path, print));
      for (const tail of tails) await tail.last(linesOf(options.tail));
      while (options.follow === true) {
        for (const tail of tails) await tail.more();
        await new Promise((wake) => setTimeout(wake, lookEveryMs));
      }
    });
}

const lookEveryMs = 200;
const mostBytes = 16 * 1024 * 1024;

/** @throws PagodaError `not_found` with the nearest name. */
function filesOf(folder: string, name: string | undefined): string[] {
  const all = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".log")) : [];
  const ids = all.map((file) => basename(file, ".log"));
  const wanted = name?.replaceAll("/", "_");
  const found = ids.filter(
    (id) => wanted === undefined || id === wanted || id.replace(/-\d+$/, "") === wanted,
  );
  if (found.length > 0) return found.sort().map((id) => join(folder, `${id}.log`));
  const near = nearestNames(name ?? "", ids, 2);
  throw new PagodaError("not_found", `There is no log of ${name ?? "any instance"}.`, {
    hint: ids.length === 0 ? "Start the fleet first." : `Use ${(near.length > 0 ? near : ids).join(" or ")}.`,
  });
}

function linesOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new PagodaError("invalid_option", `'${text}' is not a number of lines.`, {
    param: "--tail",
    hint: "Write a whole number, as in --tail 100.",
  });
}

type Print = (instanceId: string, line: string) => void;

function printer(isNamed: boolean, isJson: boolean): Print {
  return (instanceId, line) => {
    if (isJson) console.log(JSON.stringify({ instanceId, line }));
    else console.log(isNamed ? `${instanceId} | ${line}` : line);
  };
}

/** The end of a file that grows, is rotated, and is cut. */
class FileTail {
  readonly #path: string;
  readonly #print: Print;
  #offset = 0;
  #rest = "";
  #inode = 0;

  constructor(path: string, print: Print) {
    this.#path = path;
    this.#print = print;
  }

  async last(numLines: number): Promise<void> {
    const lines = await this.#newLines();
    for (const line of lines.slice(Math.max(0, lines.length - numLines))) this.#tell(line);
  }

  async more(): Promise<void> {
    for (const line of await this.#newLines()) this.#tell(line);
  }

  #tell(line: string): void {
    this.#print(basename(this.#path, ".log"), line);
  }

  async #newLines(): Promise<string[]> {
    let file: FileHandle;
    try {
      file = await open(this.#path);
    } catch {
      return [];
    }
    try {
      const { size, ino } = await file.stat();
      // A new start has a new file; a file above its limit begins anew.
      if (ino !== this.#inode || size < this.#offset) [this.#offset, this.#rest, this.#inode] = [0, "", ino];
      const from = Math.max(this.#offset, size - mostBytes);
      const piece = Buffer.alloc(size - from);
      const { bytesRead } = await file.read(piece, 0, piece.length, from);
      this.#offset = from + bytesRead;
      const lines = (this.#rest + piece.toString("utf8", 0, bytesRead)).split("\n");
      this.#rest = lines.pop() ?? "";
      return lines;
    } finally {
      await file.close();
    }
  }
}
