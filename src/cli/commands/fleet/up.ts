/** @module pagoda up: start the fleet of a file, and stay as its supervisor. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { PagodaError } from "../../../core/errors.ts";
import type { FleetSpec } from "../../../fleet/index.ts";
import { ensureHeapCeiling } from "../../lifecycle/heap.ts";
import { defaultFile, doesNotFit, exitCodes, leaveWhereItDoesNotFit } from "./fleet-command.ts";

interface UpOptions {
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly logLevel: string;
}

const examples = `
Examples:
  pagoda up
  pagoda up fleet.yaml --detach
  pagoda up fleet.yaml --json

${exitCodes}`;

export function addUpCommand(program: Command): void {
  program
    .command("up")
    .argument("[file]", "the fleet file", defaultFile)
    .description("Start the models of a fleet file behind one address, and watch them.")
    .option("--detach", "return when every instance is ready, and leave the supervisor running")
    .option("--json", "print the fleet as one line of JSON instead of tables")
    .option("--log-level <level>", "fatal, error, warn, info, debug or silent", "info")
    .addHelpText("after", examples)
    .action(async (file: string, options: UpOptions) => {
      const { supervisorCap } = await import("../../fleet/supervisor-size.ts");
      if (options.detach !== true) ensureHeapCeiling({ memory: supervisorCap }, process.env);
      await leaveWhereItDoesNotFit(() =>
        options.detach === true ? detach(file, options) : up(file, options),
      );
    });
}

/** The process lives until a signal. */
async function up(file: string, options: UpOptions): Promise<void> {
  const { readFleetFile } = await import("../../../fleet/index.ts");
  const { supervise } = await import("../../fleet/supervisor.ts");
  const { fail } = await import("../../print/exit-with-error.ts");
  const { LogOutput } = await import("../../print/log-output.ts");
  const { readableLog } = await import("../../print/log-format.ts");
  const { pino } = await import("pino");
  const spec = readFleetFile(file, process.env);
  const output = new LogOutput();
  const isPretty = process.stderr.isTTY;
  const logger = pino(
    { level: options.logLevel },
    isPretty ? readableLog(output, process.stderr.hasColors?.() ?? false) : output,
  );
  const { url, managed, stopped } = await supervise(spec, logger, output);
  stopped.then((exitCode) => process.exit(exitCode), fail);
  await announce(url, managed.view(), options);
}

async function announce(
  url: string,
  view: import("../../../api/admin/fleet.ts").FleetView,
  { json }: UpOptions,
): Promise<void> {
  const { fleetTable } = await import("../../print/fleet-table.ts");
  const ready = `Pagoda is ready at ${url}/v1`;
  if (json === true) {
    console.log(JSON.stringify(view));
    console.error(ready);
    return;
  }
  console.log(fleetTable(view));
  console.log(ready);
}

const lookEveryMs = 100;

/** A second process is the supervisor; this one returns when the fleet is up. */
async function detach(file: string, options: UpOptions): Promise<void> {
  const { fleetFolder, makeFleetFolder, readFleetFile } = await import("../../../fleet/index.ts");
  const spec = readFleetFile(file, process.env);
  const folder = fleetFolder(process.env, spec.name);
  makeFleetFolder(folder);
  const logPath = join(folder.logFolder, "supervisor.log");
  const log = openSync(logPath, "w", 0o600);
  const words = [process.argv[1] ?? "", "up", file, "--log-level", options.logLevel];
  const child = spawn(process.execPath, words, { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  child.unref();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  while (!/^Pagoda is ready at /m.test(readFileSync(logPath, "utf8"))) {
    if (isEnded) throw await lastWords(spec, readFileSync(logPath, "utf8"), child.exitCode);
    await new Promise((wake) => setTimeout(wake, lookEveryMs));
  }
  const { findFleet, viewOf } = await import("../../fleet/running-fleet.ts");
  const found = findFleet({ fleet: spec.name });
  await announce(found.door?.url ?? "", await viewOf(found), options);
}

/** What the supervisor said before it left, in this command's name. */
async function lastWords({ name }: FleetSpec, text: string, exitCode: number | null): Promise<PagodaError> {
  const { sentError } = await import("../../fleet/running-fleet.ts");
  const line = text.split("\n").findLast((one) => one.startsWith("pagoda: "));
  const said =
    line?.slice("pagoda: ".length) ?? `The supervisor of ${name} ended with exit code ${exitCode}.`;
  return sentError(exitCode === doesNotFit ? "memory_too_small" : "internal", said);
}
