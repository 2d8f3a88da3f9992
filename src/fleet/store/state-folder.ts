/** @module Where a fleet keeps what must outlive its supervisor, and who may read it: its user alone. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_STATE_HOME/pagoda`, by default under ~/.local/state. */
function stateRoot(environment: Environment): string {
  const stated = environment.XDG_STATE_HOME;
  const home = stated === undefined || stated === "" ? join(homedir(), ".local", "state") : stated;
  return join(home, "pagoda");
}

export interface FleetFolder {
  readonly name: string;
  readonly storePath: string;
  readonly lockPath: string;
  readonly logFolder: string;
}

export function fleetFolder(environment: Environment, name: string): FleetFolder {
  const folder = join(stateRoot(environment), "fleets", name);
  return {
    name,
    storePath: join(folder, "fleet.sqlite"),
    lockPath: join(folder, "supervisor.lock"),
    logFolder: join(folder, "logs"),
  };
}

export function makeFleetFolder(folder: FleetFolder): void {
  mkdirSync(folder.logFolder, { recursive: true, mode: 0o700 });
}

/** Fleets that were started on this machine by this user, whether or not they run. */
export function knownFleets(environment: Environment): FleetFolder[] {
  const root = join(stateRoot(environment), "fleets");
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => fleetFolder(environment, name))
    .filter(({ storePath }) => existsSync(storePath));
}

/** The lock of starts on a device, one for all fleets of this user. */
export function deviceLockPath(environment: Environment, deviceId: string): string {
  return join(stateRoot(environment), "devices", `${deviceId.replaceAll(/[^\w.-]/g, "_")}.lock`);
}
