/** @module How a command ends when something is wrong: one line on stderr and exit code 1; in silence where nobody reads. */
import { messageWithHint, toPagodaError } from "../../api/error.ts";
import { PagodaError } from "../../core/errors.ts";

/** Set by --verbose: stack traces of start-up faults are shown. */
let showsStacks = false;

export function showStacks(shows: boolean): void {
  showsStacks = shows;
}

/** What a shell reports of a program that wrote to a closed pipe: 128 + SIGPIPE. */
const closedPipeExitCode = 141;

/** Prints the fault and leaves. That the reader of standard output has gone (`pagoda run … | head`) is none. */
export function fail(thrown: unknown): never {
  if (isClosedPipe(thrown)) process.exit(closedPipeExitCode);
  process.stderr.write(`pagoda: ${errorLine(thrown)}\n`);
  if (showsStacks && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`);
  process.exit(1);
}

function isClosedPipe(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EPIPE";
}

/** What is wrong and what to change; of our own bugs, their message too, for there is no log to look into. */
export function errorLine(thrown: unknown): string {
  const isOurs = !(thrown instanceof PagodaError) && thrown instanceof Error;
  const text = isOurs ? `internal error: ${thrown.message}` : messageWithHint(toPagodaError(thrown));
  return text.replaceAll(/\s*\n\s*/g, " ");
}
