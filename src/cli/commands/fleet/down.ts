/** @module pagoda down: let the requests of a fleet finish, then end all its processes. */
import type { Command } from "commander";
import { exitCodes, fleetOptions } from "./fleet-command.ts";

interface DownOptions {
  readonly fleet?: string;
  readonly json?: boolean;
  readonly now?: boolean;
}

const examples = `
Examples:
  pagoda down
  pagoda down --now
  pagoda down --fleet home

${exitCodes}`;

export function addDownCommand(program: Command): void {
  fleetOptions(program.command("down"))
    .description("Let the requests of a fleet finish, then end its instances and its supervisor.")
    .option("--now", "do not wait for requests")
    .addHelpText("after", examples)
    .action(async (options: DownOptions) => {
      const name = await down(options);
      console.log(
        options.json === true ? JSON.stringify({ fleet: name, stopped: true }) : `${name} is stopped.`,
      );
    });
}

const lookEveryMs = 50;

async function down(options: DownOptions): Promise<string> {
  const { findFleet } = await import("../../fleet/running-fleet.ts");
  const { bootId, endStrays, forgetAllBut, tryLock } = await import("../../../fleet/index.ts");
  const { folder, store, door } = findFleet(options);
  if (door !== null) {
    process.kill(door.pid, "SIGTERM");
    if (options.now === true) process.kill(door.pid, "SIGTERM");
    // The lock is free when the supervisor's process has gone.
    for (;;) {
      const lock = tryLock(folder.lockPath);
      if (lock !== null) break;
      await new Promise((wake) => setTimeout(wake, lookEveryMs));
    }
  }
  // What a killed supervisor has left, or one that leaves its instances.
  await forgetAllBut(store, bootId(), new Set());
  await endStrays(store.fleetTag, new Set());
  store.door = null;
  store.close();
  return folder.name;
}
