/** @module What goes wrong with files while a model is fetched, said so that the user can act. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { PagodaError } from "../../../core/errors.ts";

export function errnoOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** What a failure says of itself, without a stop: part of a sentence. */
export function reasonOf(cause: unknown): string {
  return fullReason(cause).replace(/\.$/, "");
}

function fullReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // fetch() hides the reason (refused, reset, no such host) in the cause.
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}

/** Errors of a file system; those of a connection or an archive have other codes. */
const diskFaults: ReadonlySet<string> = new Set([
  "ENOSPC",
  "EDQUOT",
  "EFBIG",
  "EIO",
  "EROFS",
  "EACCES",
  "EPERM",
  "EISDIR",
  "ENOTDIR",
]);

export function isDiskFault(cause: unknown): boolean {
  return diskFaults.has(errnoOf(cause));
}

/** Error for a failed write of `path`: a full disk is named as such. */
export function writeFault(cause: unknown, path: string): PagodaError {
  if (cause instanceof PagodaError) return cause;
  if (errnoOf(cause) === "ENOSPC" || errnoOf(cause) === "EDQUOT")
    return new PagodaError("download_failed", `The disk is full: ${path} could not be written.`, {
      hint: "Free some space, or point PAGODA_CACHE or HF_HOME at another disk.",
      cause,
    });
  return new PagodaError("download_failed", `${path} could not be written: ${reasonOf(cause)}.`, {
    hint: "Check that this user may write there, or point PAGODA_CACHE or HF_HOME at another folder.",
    cause,
  });
}

/** Refuses a download that cannot fit on the disk. `neededBytes` is what is still to be written. */
export function checkDiskSpace(path: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new PagodaError(
    "download_failed",
    `${path} needs ${neededBytes} bytes, but its disk has only ${freeBytes} free.`,
    { hint: "Free some space, or point PAGODA_CACHE or HF_HOME at another disk." },
  );
}
