/** @module The last lines of the server's log, kept as they pass on their way to standard error. */
import type { LogLine } from "../../../api/admin/observatory/index.ts";

const mostLines = 1000;
/** A message that is longer is cut: with `mostLines` this bounds what the ring holds. */
const mostLetters = 500;

interface LogStream {
  write(line: string): unknown;
}

const levelNames = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

export class LogRing implements LogStream {
  readonly #next: LogStream;
  readonly #lines: string[] = [];
  #numLines = 0;

  /** `next`: where each line goes on to. */
  constructor(next: LogStream) {
    this.#next = next;
  }

  /** One line of pino, as JSON. It is read only when somebody asks for it. */
  write(line: string): void {
    this.#next.write(line);
    this.#numLines++;
    this.#lines.push(line.length > 4 * mostLetters ? shortened(line) : line);
    if (this.#lines.length > mostLines) this.#lines.shift();
  }

  /** Lines with a higher id, oldest first. */
  after(lineId: number): readonly LogLine[] {
    const first = this.#numLines - this.#lines.length + 1;
    return this.#lines
      .slice(Math.max(0, lineId + 1 - first))
      .map((line, index) => lineOf(line, Math.max(first, lineId + 1) + index));
  }
}

/** Only what is shown: a request's stack or fields may be as long as they like. */
function shortened(line: string): string {
  const { level, time, msg } = parsed(line);
  return JSON.stringify({ level, time, msg: msg.slice(0, mostLetters) });
}

function lineOf(line: string, lineId: number): LogLine {
  const { level, time, msg } = parsed(line);
  const name = levelNames[Math.min(5, Math.max(0, Math.floor(level / 10) - 1))] ?? "info";
  return { lineId, unixMs: time, level: name, message: msg.slice(0, mostLetters) };
}

/** A line that is no JSON is a message. */
function parsed(line: string): { readonly level: number; readonly time: number; readonly msg: string } {
  try {
    const { level = 30, time = 0, msg = "", err } = JSON.parse(line);
    const cause = typeof err?.message === "string" && err.message !== msg ? ` (${err.message})` : "";
    return { level: Number(level), time: Number(time), msg: `${msg}${cause}` };
  } catch {
    return { level: 30, time: 0, msg: line.trim() };
  }
}
