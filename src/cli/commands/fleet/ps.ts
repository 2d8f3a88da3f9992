/** @module pagoda ps: the models and instances of a fleet, and who holds which bytes. */
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type { FoundFleet } from "../../fleet/running-fleet.ts";
import { exitCodes, fleetOptions } from "./fleet-command.ts";

interface PsOptions {
  readonly fleet?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  pagoda ps
  pagoda ps --json | jq '.instances[].state'

${exitCodes}`;

export function addPsCommand(program: Command): void {
  fleetOptions(program.command("ps"))
    .description("Show the models and instances of a fleet, and who holds which bytes.")
    .addHelpText("after", examples)
    .action(async (options: PsOptions) => {
      const { findFleet, viewOf } = await import("../../fleet/running-fleet.ts");
      const found = findFleet(options);
      if (found.door === null) throw unwatched(found);
      const view = await viewOf(found);
      const { fleetTable } = await import("../../print/fleet-table.ts");
      console.log(options.json === true ? JSON.stringify(view) : fleetTable(view));
    });
}

/** Its supervisor is gone: what it left is named. */
function unwatched({ folder, store }: FoundFleet): PagodaError {
  const left = store
    .instances()
    .map(({ instanceId, process }) => `${instanceId} (process ${process?.pid ?? "unknown"})`);
  const these = left.length === 0 ? "It left no processes" : `It left ${left.join(", ")}`;
  return new PagodaError("not_ready", `The supervisor of ${folder.name} does not run. ${these}.`, {
    hint: "Run pagoda up with its file to take them over, or pagoda down to end them.",
  });
}
