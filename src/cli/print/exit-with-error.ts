/** @module How a command ends when something is wrong: one line on standard error and exit code 1. */
import { messageWithHint, toPagodaError } from "../../api/error.ts";

/** Set by --verbose: stack traces of start-up faults are shown. */
let showsStacks = false;

export function showStacks(shows: boolean): void {
  showsStacks = shows;
}

/** What a shell reports of a program that wrote to a closed pipe: 128 + SIGPIPE. */
const closedPipeExitCode = 141;

/** Prints the error and leaves. A closed standard output (`pagoda run … | head`) ends the command without a message. */
export function fail(thrown: unknown): never {
  if (isClosedPipe(thrown)) process.exit(closedPipeExitCode);
  process.stderr.write(`pagoda: ${errorLine(thrown)}\n`);
  if (showsStacks && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`);
  process.exit(1);
}

function isClosedPipe(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EPIPE";
}

/** The message and the hint on one line. An internal error shows its own message: a command has no log. */
export function errorLine(thrown: unknown): string {
  const error = toPagodaError(thrown);
  const isOurs = error !== thrown && error.code === "internal" && thrown instanceof Error;
  const text = isOurs ? `internal error: ${thrown.message}` : messageWithHint(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
