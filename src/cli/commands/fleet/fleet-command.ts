/** @module What the commands of a fleet share: the file by default, how they find the fleet, and how they end. */
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import { errorLine } from "../../print/exit-with-error.ts";

export const defaultFile = "fleet.yaml";
/** As `pagoda plan` ends where something does not fit. */
export const doesNotFit = 3;

export const exitCodes = `Exit codes: 0 done, 1 an error, 3 it does not fit.`;

/** Options of every command that speaks to a fleet that runs. */
export function fleetOptions(command: Command): Command {
  return command
    .option("--fleet <name>", "the fleet, where several run (default: the only one)")
    .option("--json", "print JSON");
}

/** An error about memory has an exit code of its own; every other one is left to the program. */
export async function leaveWhereItDoesNotFit(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!(thrown instanceof PagodaError) || thrown.code !== "memory_too_small") throw thrown;
    process.stderr.write(`pagoda: ${errorLine(thrown)}\n`);
    process.exit(doesNotFit);
  }
}
