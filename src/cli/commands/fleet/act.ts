/** @module pagoda drain, restart, sleep, wake and scale: one model or instance of a fleet that runs. */
import type { Command } from "commander";
import type { FleetAction } from "../../../api/admin/fleet.ts";
import { PagodaError } from "../../../core/errors.ts";
import { exitCodes, fleetOptions, leaveWhereItDoesNotFit } from "./fleet-command.ts";

interface ActOptions {
  readonly fleet?: string;
  readonly json?: boolean;
}

const actions: readonly { readonly action: FleetAction; readonly does: string; readonly example: string }[] =
  [
    {
      action: "drain",
      does: "Let the requests of a model or an instance finish, then stop it until it is restarted.",
      example: "pagoda drain small-0",
    },
    {
      action: "restart",
      does: "Replace the instances of a model one after another, or one instance.",
      example: "pagoda restart small",
    },
    {
      action: "sleep",
      does: "Give the memory of a model back; its next request starts it again.",
      example: "pagoda sleep small",
    },
    { action: "wake", does: "Start a model that is asleep or was drained.", example: "pagoda wake small" },
  ];

export function addActionCommands(program: Command): void {
  for (const { action, does, example } of actions)
    fleetOptions(program.command(action))
      .argument("<name>", "a model or an instance, as pagoda ps shows it")
      .description(does)
      .addHelpText("after", `\nExamples:\n  ${example}\n  ${example} --json\n\n${exitCodes}`)
      .action((name: string, options: ActOptions) => act(name, action, {}, options));
  fleetOptions(program.command("scale"))
    .argument("<name>", "a model, as pagoda ps shows it")
    .argument("<replicas>", "how many instances of it run")
    .description("Start or stop instances of a model until there are so many.")
    .addHelpText("after", `\nExamples:\n  pagoda scale small 3\n  pagoda scale small 0\n\n${exitCodes}`)
    .action((name: string, replicas: string, options: ActOptions) =>
      act(name, "scale", { replicas: wholeNumber(replicas) }, options),
    );
}

async function act(name: string, action: FleetAction, body: unknown, options: ActOptions): Promise<void> {
  const running = await import("../../fleet/running-fleet.ts");
  const { fleetTable } = await import("../../print/fleet-table.ts");
  await leaveWhereItDoesNotFit(async () => {
    const view = await running.act(running.findFleet(options), name, action, body);
    console.log(options.json === true ? JSON.stringify(view) : fleetTable(view));
  });
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new PagodaError("invalid_option", `'${text}' is not a number of instances.`, {
    hint: "Write a whole number, as in pagoda scale small 3.",
  });
}
