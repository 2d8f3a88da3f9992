/** @module The cause of an end in the output of a Python server: one exception among the many that follow from it. */

const exception =
  /^(?<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)):?\s*(?<message>.*)$/;
/** What processes print because another one of their tree has failed. */
const consequence =
  /Engine core initialization failed|Engine core proc .* died|failed to start|See root cause above|Failed core proc/i;
/** Time, level and source that loggers put in front of a line, and the name of the process before them. */
const prefix =
  /^(?:\([^()]*pid=\d+[^()]*\)\s*)?(?:(?:ERROR|CRITICAL|WARNING|INFO)\s[\d: -]+\[[^\]]*\]\s?)?(?:\([^()]*pid=\d+[^()]*\)\s*)?/;

/** The exception that the others follow from, as `Name: message`; null where there is none. */
export function rootException(output: string): string | null {
  const lines = output.split(/\r?\n/).map((line) => line.replace(prefix, ""));
  const found = lines.flatMap((line, index) => {
    const { name, message = "" } = exception.exec(line)?.groups ?? {};
    if (name === undefined || consequence.test(line)) return [];
    const isBelow = message === "" || /^\d+ validation errors? for/.test(message);
    return [`${name.split(".").at(-1)}: ${isBelow ? nextLines(lines, index) : message}`];
  });
  return found.at(-1) ?? null;
}

/** pydantic writes the reason of a ValidationError below it. */
function nextLines(lines: readonly string[], index: number): string {
  return lines
    .slice(index + 1, index + 3)
    .map((line) => line.trim())
    .join(" ")
    .replace(/ \[type=.*$/, "");
}

/** The line in which a server says that its port is taken; null where there is none. */
export function portError(output: string): string | null {
  const line = output.split(/\r?\n/).findLast((text) => /\[Errno 98\]|address already in use/i.test(text));
  return line?.replace(prefix, "").replace(/^(?:ERROR|CRITICAL):\s*/, "") ?? null;
}

/** The last complaint of argparse; null where there is none. */
export function argumentError(output: string): string | null {
  return [...output.matchAll(/^[\w.-]+(?: [\w-]+)*: error: (.*)$/gm)].at(-1)?.[1] ?? null;
}
