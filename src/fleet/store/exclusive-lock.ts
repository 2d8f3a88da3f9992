/**
 * @module A lock between processes that the system gives back when its holder ends, however it does: an exclusive
 * transaction of SQLite on a file that holds nothing else.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

const tryEveryMs = 100;

/** null where another process, or another caller here, holds it. */
export function tryLock(path: string): HeldLock | null {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    file.close();
    if (error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 6))
      return null;
    throw error;
  }
  return { release: () => file.close() };
}

/** Waits until the lock is free, or `signal` is aborted: then null. */
export async function lockWhenFree(path: string, signal: AbortSignal): Promise<HeldLock | null> {
  while (!signal.aborted) {
    const held = tryLock(path);
    if (held !== null) return held;
    await new Promise((wake) => setTimeout(wake, tryEveryMs));
  }
  return null;
}
