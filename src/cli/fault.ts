/** @module How a command ends when something is wrong: one line on stderr and exit code 1. */
import { messageWithHint, toPagodaError } from "../api/error.ts";
import { PagodaError } from "../core/errors.ts";

/** Set by --verbose: stack traces of start-up faults are shown. */
let showsStacks = false;

export function showStacks(shows: boolean): void {
  showsStacks = shows;
}

/** Prints the fault and leaves. */
export function fail(thrown: unknown): never {
  process.stderr.write(`pagoda: ${oneLine(thrown)}\n`);
  if (showsStacks && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`);
  process.exit(1);
}

/** What is wrong and what to change; of our own bugs, their message too, for there is no log to look into. */
function oneLine(thrown: unknown): string {
  const isOurs = !(thrown instanceof PagodaError) && thrown instanceof Error;
  const text = isOurs ? `internal error: ${thrown.message}` : messageWithHint(toPagodaError(thrown));
  return text.replaceAll(/\s*\n\s*/g, " ");
}
