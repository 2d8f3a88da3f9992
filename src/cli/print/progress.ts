/** @module Progress of downloads and loads: a line that is written over on a terminal, a line each few seconds elsewhere. */
import type { LoadProgress } from "../../backend/backend.ts";
import { type DownloadProgress, ProgressMeter } from "../../model/source/download/progress-meter.ts";
import { progressLine, progressSentence } from "./progress-line.ts";

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two lines where they stay. */
const lineEveryMs = 3000;
const usualColumns = 80;
const eraseLine = "\r\u001b[K";

export class ProgressPrinter {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #loading: ProgressMeter | null = null;
  #isShown = false;
  #label: string | null = null;
  #lastLineMs: number;

  constructor(output: ProgressOutput = process.stderr, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#lastLineMs = now();
  }

  /** For `resolveModel`. */
  readonly onDownload = (progress: DownloadProgress): void => {
    if (this.#output.isTTY === true) this.#overwrite(progress);
    else this.#add(progress);
  };

  /** For `Backend.load`. */
  readonly onLoad = ({ loadedBytes, totalBytes }: LoadProgress): void => {
    this.#loading ??= new ProgressMeter("loading the model", totalBytes, this.onDownload);
    this.#loading.moveTo(loadedBytes);
  };

  /** Clears the line of a terminal. */
  stop(): void {
    if (this.#isShown) this.#output.write(eraseLine);
    this.#isShown = false;
  }

  #overwrite(progress: DownloadProgress): void {
    // The last column stays free: a terminal would begin a new line.
    const columns = (this.#output.columns ?? usualColumns) - 1;
    this.#output.write(`${eraseLine}${progressLine(progress, columns)}`);
    this.#isShown = true;
  }

  /** What takes less than a few seconds is not worth a line; of a download, its beginning is. */
  #add(progress: DownloadProgress): void {
    const nowMs = this.#now();
    const isNewDownload = progress.label !== this.#label && this.#loading === null;
    if (!isNewDownload && nowMs - this.#lastLineMs < lineEveryMs) return;
    this.#label = progress.label;
    this.#lastLineMs = nowMs;
    this.#output.write(`pagoda: ${progressSentence(progress)}\n`);
  }
}
