/** @module Progress of a download, with its rate and the time left. */

export interface DownloadProgress {
  /** What is being fetched, for a human. */
  readonly label: string;
  readonly doneBytes: number;
  /** null while unknown. */
  readonly totalBytes: number | null;
  /** Over the last few seconds. */
  readonly bytesPerSecond: number;
  readonly remainingMs: number | null;
}

export type ProgressListener = (progress: DownloadProgress) => void;

/** What is reported while another process fetches the same thing. */
export function waitingProgress(label: string): DownloadProgress {
  return {
    label: `waiting for another process that fetches ${label}`,
    doneBytes: 0,
    totalBytes: null,
    bytesPerSecond: 0,
    remainingMs: null,
  };
}

const windowMs = 5_000;
const reportEveryMs = 100;

/** Counts bytes and reports at most ten times a second, and once at the end. */
export class ProgressMeter {
  readonly #label: string;
  readonly #listener: ProgressListener;
  readonly #now: () => number;
  readonly #totalBytes: number | null;
  #doneBytes = 0;
  #lastReportMs = Number.NEGATIVE_INFINITY;
  /** Byte counts of the last seconds, oldest first. */
  readonly #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];

  constructor(
    label: string,
    totalBytes: number | null,
    listener: ProgressListener,
    now: () => number = () => performance.now(),
  ) {
    this.#label = label;
    this.#totalBytes = totalBytes;
    this.#listener = listener;
    this.#now = now;
  }

  /** `doneBytes` in all; bytes that an earlier attempt left count as done but not in the rate. */
  moveTo(doneBytes: number): void {
    const atMs = this.#now();
    this.#doneBytes = doneBytes;
    this.#samples.push({ atMs, doneBytes });
    while (atMs - (this.#samples[0]?.atMs ?? atMs) > windowMs) this.#samples.shift();
    const isDone = doneBytes === this.#totalBytes;
    if (!isDone && atMs - this.#lastReportMs < reportEveryMs) return;
    this.#lastReportMs = atMs;
    this.#listener(this.#progress(atMs));
  }

  add(numBytes: number): void {
    this.moveTo(this.#doneBytes + numBytes);
  }

  /** After a connection broke, the rate is measured afresh. */
  restartFrom(doneBytes: number): void {
    this.#samples.length = 0;
    this.moveTo(doneBytes);
  }

  #progress(atMs: number): DownloadProgress {
    const oldest = this.#samples[0] ?? { atMs, doneBytes: this.#doneBytes };
    const elapsedMs = atMs - oldest.atMs;
    const bytesPerSecond =
      elapsedMs > 0 ? Math.max(0, ((this.#doneBytes - oldest.doneBytes) / elapsedMs) * 1000) : 0;
    const remainingMs =
      this.#totalBytes === null || bytesPerSecond === 0
        ? null
        : ((this.#totalBytes - this.#doneBytes) / bytesPerSecond) * 1000;
    return {
      label: this.#label,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      bytesPerSecond,
      remainingMs,
    };
  }
}
