/** @module pagoda apply: bring a fleet that runs to what a file says, step by step, so that no request fails. */
import type { Command } from "commander";
import { defaultFile, exitCodes, leaveWhereItDoesNotFit } from "./fleet-command.ts";

interface ApplyOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  pagoda apply fleet.yaml --dry-run
  pagoda apply fleet.yaml

${exitCodes}`;

export function addApplyCommand(program: Command): void {
  program
    .command("apply")
    .argument("[file]", "the fleet file", defaultFile)
    .description(
      "Bring a fleet that runs to what a file says; instances are replaced without a failed request.",
    )
    .option("--dry-run", "print the steps, and take none")
    .option("--json", "print JSON")
    .addHelpText("after", examples)
    .action(async (file: string, options: ApplyOptions) =>
      leaveWhereItDoesNotFit(() => applyFile(file, options)),
    );
}

async function applyFile(file: string, options: ApplyOptions): Promise<void> {
  const { resolvedFleetDocument } = await import("../../../fleet/index.ts");
  const { apply, fleetOfFile } = await import("../../fleet/running-fleet.ts");
  const document = resolvedFleetDocument(file, process.env);
  const fleet = fleetOfFile(file);
  // The steps are shown before the first of them is taken.
  const planned = await apply(fleet, document, true);
  if (options.json !== true) console.log(stepsText(planned.steps));
  if (options.dryRun === true || planned.steps.length === 0) {
    if (options.json === true) console.log(JSON.stringify(planned));
    return;
  }
  const done = await apply(fleet, document, false);
  console.log(options.json === true ? JSON.stringify(done) : "Done.");
}

function stepsText(steps: readonly string[]): string {
  if (steps.length === 0) return "The fleet is as the file says.";
  return steps.map((step, index) => `${index + 1}. ${step}`).join("\n");
}
