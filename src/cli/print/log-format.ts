/** @module Log lines for people: time, level, message, and what belongs to it. pino writes them as JSON. */

export interface LogStream {
  write(line: string): unknown;
}

interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** pino's numbers. */
const levels: readonly { readonly from: number; readonly name: string; readonly color: number }[] = [
  { from: 60, name: "fatal", color: 31 },
  { from: 50, name: "error", color: 31 },
  { from: 40, name: "warn", color: 33 },
  { from: 30, name: "info", color: 32 },
  { from: 20, name: "debug", color: 34 },
  { from: 0, name: "trace", color: 90 },
];
/** From here on the fields of a line are shown too; below, the message says it all. */
const levelWithFields = 40;
const shownElsewhere: ReadonlySet<string> = new Set(["level", "time", "pid", "hostname", "msg", "err"]);

/** Passes each JSON line on as a readable one. What is no JSON is passed on as it is. */
export function readableLog(output: LogStream, hasColor: boolean): LogStream {
  return { write: (line) => output.write(`${readable(line, hasColor)}\n`) };
}

function readable(line: string, hasColor: boolean): string {
  let parsed: LogLine;
  try {
    parsed = JSON.parse(line) as LogLine;
  } catch {
    return line.trimEnd();
  }
  const level = levels.find(({ from }) => parsed.level >= from);
  const name = (level?.name ?? "").padEnd(5);
  const painted = hasColor && level !== undefined ? `\u001b[${level.color}m${name}\u001b[39m` : name;
  return [timeOfDay(parsed.time), painted, `${parsed.msg ?? ""}${fieldsOf(parsed)}${errorOf(parsed)}`].join(
    " ",
  );
}

/** Of this machine's clock: `14:03:22.123`. */
function timeOfDay(unixMs: number): string {
  const time = new Date(unixMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

function fieldsOf(line: LogLine): string {
  if (line.level < levelWithFields) return "";
  const fields = Object.entries(line).filter(([name]) => !shownElsewhere.has(name));
  return fields.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join("");
}

function errorOf({ err }: LogLine): string {
  if (err === undefined) return "";
  return `\n${(err.stack ?? err.message ?? "").replaceAll(/^/gm, "  ")}`;
}
