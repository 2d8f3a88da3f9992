/** @module Fetches one file over HTTP: resumed after a break, verified, and renamed into place when whole. */
import { createWriteStream, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { PagodaError } from "../../../core/errors.ts";
import { type ExpectedDigest, verifyDigest } from "./checksum.ts";
import { checkDiskSpace, isDiskFault, reasonOf, writeFault } from "./file-errors.ts";
import type { ProgressMeter } from "./progress-meter.ts";
import { StallGuard } from "./stall-guard.ts";

export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The finished file; until then its bytes are in `<path>.incomplete`. */
  readonly path: string;
  readonly totalBytes: number;
  readonly digest: ExpectedDigest | null;
  /** A connection that brings nothing for so long counts as broken; default a minute. */
  readonly stallMs?: number;
  /** Gives the download up; the part that came stays for the next time. */
  readonly stop: AbortSignal;
}

/** Attempts in a row without a single new byte. */
const maxBarrenAttempts = 5;
const firstPauseMs = 250;
const defaultStallMs = 60_000;

/** A response that will not become better by asking again. */
class RefusedByServer extends Error {}

/**
 * Throws PagodaError `download_failed`: connection lost for good (the part that came stays for the next time), wrong
 * checksum (the file is removed), disk full. Throws the reason of `file.stop`.
 */
export async function download(file: Download, meter: ProgressMeter): Promise<void> {
  const partPath = `${file.path}.incomplete`;
  let doneBytes = usablePart(partPath, file.totalBytes);
  checkDiskSpace(partPath, file.totalBytes - doneBytes);
  meter.restartFrom(doneBytes);
  if (file.totalBytes === 0) writeFileSync(partPath, "");
  let numBarren = 0;
  while (doneBytes < file.totalBytes) {
    const fault = await fetchRest(file, partPath, doneBytes, meter);
    file.stop.throwIfAborted();
    const nowBytes = usablePart(partPath, file.totalBytes);
    numBarren = nowBytes > doneBytes ? 0 : numBarren + 1;
    doneBytes = nowBytes;
    if (doneBytes === file.totalBytes) break;
    if (numBarren >= maxBarrenAttempts || fault instanceof RefusedByServer)
      throw brokenDownload(file, doneBytes, fault);
    await sleep(firstPauseMs * 2 ** numBarren);
    meter.restartFrom(doneBytes);
  }
  await finish(file, partPath);
}

/** Bytes of an earlier attempt that can be kept. */
function usablePart(partPath: string, totalBytes: number): number {
  const numBytes = statSync(partPath, { throwIfNoEntry: false })?.size ?? 0;
  if (numBytes <= totalBytes) return numBytes;
  rmSync(partPath);
  return 0;
}

/** Appends what is missing; returns why it ended early, or null. A failing disk is thrown. */
async function fetchRest(
  file: Download,
  partPath: string,
  doneBytes: number,
  meter: ProgressMeter,
): Promise<Error | null> {
  const stall = new StallGuard(file.stallMs ?? defaultStallMs);
  try {
    const range = doneBytes > 0 ? { range: `bytes=${doneBytes}-` } : {};
    const signal = AbortSignal.any([stall.signal, file.stop]);
    const response = await fetch(file.url, { headers: { ...file.headers, ...range }, signal });
    if (!response.ok || response.body === null) return await refusalOf(response);
    // A server that knows no ranges sends everything again.
    if (doneBytes > 0 && response.status !== 206) {
      truncateSync(partPath, 0);
      meter.restartFrom(0);
    }
    const counted = counting(Readable.fromWeb(response.body), (numBytes) => {
      stall.progressed();
      meter.add(numBytes);
    });
    await pipeline(counted, createWriteStream(partPath, { flags: "a" }));
    return null;
  } catch (cause) {
    if (isDiskFault(cause)) throw writeFault(cause, partPath);
    return cause instanceof Error ? cause : new Error(String(cause));
  } finally {
    stall.end();
  }
}

async function refusalOf(response: Response): Promise<Error> {
  await response.body?.cancel();
  const answer = `the server answered ${response.status} ${response.statusText}`.trimEnd();
  const isPassing = response.status >= 500 || response.status === 429;
  return isPassing ? new Error(answer) : new RefusedByServer(answer);
}

async function* counting(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (numBytes: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    onBytes(chunk.byteLength);
    yield chunk;
  }
}

async function finish(file: Download, partPath: string): Promise<void> {
  if (file.digest !== null)
    try {
      await verifyDigest(partPath, file.digest);
    } catch (cause) {
      rmSync(partPath, { force: true });
      throw cause;
    }
  renameSync(partPath, file.path);
}

function brokenDownload(file: Download, doneBytes: number, fault: Error | null): PagodaError {
  const why = fault === null ? "the connection closed early" : reasonOf(fault);
  return new PagodaError(
    "download_failed",
    `${file.url} broke off at ${doneBytes} of ${file.totalBytes} bytes: ${why}.`,
    { hint: "Start again when the network is back: the download goes on where it stopped.", cause: fault },
  );
}
