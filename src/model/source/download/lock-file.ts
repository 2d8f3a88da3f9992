/** @module One process at a time: several identical commands may want the same file at the same moment. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, writeFault } from "./file-errors.ts";

const pollMs = 200;
/** The holder renews its lock this often; a lock that was not renewed for `staleMs` is abandoned. */
const renewMs = 2_000;
const staleMs = 20_000;

/**
 * Runs `action` while holding `path`, a file that names its holder. The lock of a process that died is taken over: at
 * once where the process ran here, and when it is no longer renewed where it ran in another container or machine (whose
 * process ids say nothing here). `onWait` hears that someone else holds it. Throws the reason of `stop` where that comes
 * while it waits.
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  stop: AbortSignal,
  onWait: () => void = () => undefined,
): Promise<T> {
  createFolder(dirname(path));
  // The last line is this holder's alone: a process may hold the same lock twice, one after the other.
  const own = `${process.pid} ${hostname()}\n${randomUUID()}`;
  let hasWaited = false;
  while (!tryToLock(path, own)) {
    if (removeIf(isAbandoned, path)) continue;
    if (!hasWaited) onWait();
    hasWaited = true;
    await sleep(pollMs, undefined, { signal: stop });
  }
  const isOwn = (lockPath: string): boolean => contentsOf(lockPath) === own;
  const renewal = setInterval(() => renewIf(isOwn, path), renewMs).unref();
  try {
    return await action();
  } finally {
    clearInterval(renewal);
    // After a stall it may be someone else's.
    removeIf(isOwn, path);
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

function tryToLock(path: string, contents: string): boolean {
  try {
    writeFileSync(path, contents, { flag: "wx" });
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw writeFault(cause, path);
  }
}

/** A lock that cannot be renewed is taken for abandoned in the end: that may cost a second download, not this one. */
function renewIf(isOwn: (lockPath: string) => boolean, path: string): void {
  try {
    const now = new Date();
    if (isOwn(path)) utimesSync(path, now, now);
  } catch {
    // Gone, or on a disk that is not there for the moment: the next renewal tries again.
  }
}

/**
 * Removes the lock if it `mayGo`; true where it did. Between the look and the removal another process may have removed it
 * and put its own there, so it is moved aside, looked at again, and put back where it is not the one that was meant.
 */
function removeIf(mayGo: (lockPath: string) => boolean, path: string): boolean {
  if (!mayGo(path)) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return false; // another process was first
    throw writeFault(cause, path);
  }
  const isMeant = mayGo(aside);
  if (!isMeant) tryToLock(path, contentsOf(aside));
  rmSync(aside, { force: true });
  return isMeant;
}

function isAbandoned(path: string): boolean {
  const renewedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (renewedMs === undefined) return false; // released in this moment
  if (Date.now() - renewedMs > staleMs) return true;
  const [holder = ""] = contentsOf(path).split("\n");
  const [processId = "", ...host] = holder.split(" ");
  return host.join(" ") === hostname() && hasEnded(Number(processId));
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

function contentsOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // released in this moment
  }
}
