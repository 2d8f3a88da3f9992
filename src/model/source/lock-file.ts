/** @module One process at a time: several identical commands may want the same file at the same moment. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, writeFault } from "./file-faults.ts";

const pollMs = 200;

/** Runs `action` while holding `path`, a file with our process id; the lock of a process that died is taken over. */
export async function withLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  createFolder(dirname(path));
  while (!tryToLock(path)) {
    if (holderIsGone(path)) rmSync(path, { force: true });
    else await sleep(pollMs);
  }
  try {
    return await action();
  } finally {
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
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw writeFault(cause, path);
  }
}

/** Whether the lock names a process that no longer lives. A lock that is just being written names none yet. */
function holderIsGone(path: string): boolean {
  const holder = Number(readHolder(path));
  if (!Number.isInteger(holder) || holder <= 0) return false;
  try {
    process.kill(holder, 0);
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
