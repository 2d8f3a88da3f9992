/** @module One process at a time: several identical commands may want the same file at the same moment. */
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, writeFault } from "./file-faults.ts";

const pollMs = 200;
/** The holder renews its lock this often; one not renewed for `staleMs` belongs to nobody. */
const renewMs = 2_000;
const staleMs = 20_000;

/**
 * Runs `action` while holding `path`, a file that names its holder. The lock of a process that died is taken over: at
 * once where the process ran here, and when it is no longer renewed where it ran in another container or machine (whose
 * process ids say nothing here). `onWait` hears that someone else holds it.
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  onWait: () => void = () => undefined,
): Promise<T> {
  createFolder(dirname(path));
  let hasWaited = false;
  while (!tryToLock(path)) {
    if (isAbandoned(path)) rmSync(path, { force: true });
    else {
      if (!hasWaited) onWait();
      hasWaited = true;
      await sleep(pollMs);
    }
  }
  const renewal = setInterval(() => renew(path), renewMs).unref();
  try {
    return await action();
  } finally {
    clearInterval(renewal);
    rmSync(path, { force: true });
  }
}

/** Like mkdir -p. Throws PagodaError `download_failed`. */
export function createFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw writeFault(cause, path);
  }
}

function tryToLock(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid} ${hostname()}`, { flag: "wx" });
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw writeFault(cause, path);
  }
}

function renew(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw cause; // someone took it for abandoned: the checksum decides
  }
}

function isAbandoned(path: string): boolean {
  const renewedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (renewedMs === undefined) return false; // released in this moment
  if (Date.now() - renewedMs > staleMs) return true;
  const [holder = "", ...host] = readHolder(path).split(" ");
  return host.join(" ") === hostname() && hasEnded(Number(holder));
}

function hasEnded(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return false;
  } catch (cause) {
    return errnoOf(cause) === "ESRCH";
  }
}

function readHolder(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // released in this moment
  }
}
