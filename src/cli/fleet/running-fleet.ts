/** @module The fleets of this user on this machine, and how a command speaks to the supervisor of one. */
import type { AppliedView, FleetAction, FleetView } from "../../api/admin/fleet.ts";
import { type ErrorCode, errorCatalogue, PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { type FleetFolder, FleetStore, knownFleets, readFleetFile } from "../../fleet/index.ts";
import { isRunning } from "../../process/process-identity.ts";

export interface FleetOptions {
  /** The name of the fleet. */
  readonly fleet?: string;
}

export interface FoundFleet {
  readonly folder: FleetFolder;
  readonly store: FleetStore;
  /** Where its supervisor answers; null: none runs. */
  readonly door: { readonly url: string; readonly pid: number } | null;
  /** The key of its routes. */
  readonly key: string;
}

/**
 * The fleet of this name; without one, the only fleet that runs, or that has left processes.
 * @throws PagodaError `invalid_option` where there is none, or more than one.
 */
export function findFleet({ fleet }: FleetOptions): FoundFleet {
  const known = knownFleets(process.env);
  const names = known.map(({ name }) => name);
  if (fleet !== undefined) {
    const folder = known.find(({ name }) => name === fleet);
    if (folder !== undefined) return opened(folder);
    const [near] = nearestNames(fleet, names, 1);
    throw new PagodaError("invalid_option", `No fleet ${fleet} was ever started here.`, {
      hint: near === undefined ? "Start it: pagoda up fleet.yaml." : `Use --fleet ${near}.`,
      param: "--fleet",
    });
  }
  const found = known.map(opened);
  const running = found.filter(({ door, store }) => door !== null || store.instances().length > 0);
  const [first] = running;
  for (const other of found) if (other !== first) other.store.close();
  if (first !== undefined && running.length === 1) return first;
  if (first === undefined)
    throw new PagodaError("invalid_option", "No fleet runs on this machine.", {
      hint: "Start one: pagoda up fleet.yaml.",
    });
  throw new PagodaError("invalid_option", `${running.length} fleets run on this machine.`, {
    hint: `Name one with --fleet: ${running.map(({ folder }) => folder.name).join(", ")}.`,
    param: "--fleet",
  });
}

/** The fleet of a file, by the name that the file has. */
export function fleetOfFile(path: string): FoundFleet {
  return findFleet({ fleet: readFleetFile(path, process.env).name });
}

function opened(folder: FleetFolder): FoundFleet {
  const store = new FleetStore(folder.storePath);
  const { door } = store;
  const isThere = door !== null && isRunning(door);
  return { folder, store, door: isThere ? door : null, key: store.spec?.keys.admin ?? store.ownKey };
}

/** @throws PagodaError `not_ready` where no supervisor runs. */
function requireDoor({ door, folder }: FoundFleet): string {
  if (door !== null) return door.url;
  throw new PagodaError(
    "not_ready",
    `The fleet ${folder.name} has no supervisor: it was stopped or killed.`,
    {
      hint: "Run pagoda up with its file: instances that still run are taken over.",
    },
  );
}

export function viewOf(fleet: FoundFleet): Promise<FleetView> {
  return exchange(fleet, "GET", "/admin/fleet", null) as Promise<FleetView>;
}

export function apply(fleet: FoundFleet, document: unknown, isDryRun: boolean): Promise<AppliedView> {
  return exchange(fleet, "PUT", `/admin/fleet?dry_run=${isDryRun}`, document) as Promise<AppliedView>;
}

export function act(
  fleet: FoundFleet,
  name: string,
  action: FleetAction,
  body: unknown = {},
): Promise<FleetView> {
  const path = `/admin/fleet/${encodeURIComponent(name)}/${action}`;
  return exchange(fleet, "POST", path, body) as Promise<FleetView>;
}

/** A step may start a model: there is no limit to an answer's time but the supervisor's own. */
async function exchange(fleet: FoundFleet, method: string, path: string, body: unknown): Promise<unknown> {
  const url = requireDoor(fleet);
  let answer: Response;
  try {
    answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${fleet.key}`, "content-type": "application/json" },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(3_600_000),
    });
  } catch (cause) {
    throw new PagodaError("endpoint_unreachable", `The supervisor at ${url} does not answer.`, {
      hint: "Look at its output, or run pagoda down.",
      cause,
    });
  }
  const value: unknown = await answer.json();
  if (!answer.ok) throw refusalOf(value, answer.status);
  return value;
}

/** The supervisor's own words. */
function refusalOf(value: unknown, status: number): PagodaError {
  const { error } = value as { readonly error?: { readonly message?: string; readonly code?: string } };
  const code =
    error?.code !== undefined && error.code in errorCatalogue ? (error.code as ErrorCode) : "internal";
  return sentError(code, error?.message ?? `The supervisor answered ${status}. Look at its log.`);
}

/** An error of another process of ours, whose hint is the last sentence of its text. */
export function sentError(code: ErrorCode, text: string): PagodaError {
  const sentences = text.split(/(?<=[.!?]) (?=[A-Z])/);
  const hint = sentences.length > 1 ? sentences.at(-1) : undefined;
  const message = hint === undefined ? text : sentences.slice(0, -1).join(" ");
  return new PagodaError(code, message, { hint: hint ?? "Look at the log of the supervisor." });
}
