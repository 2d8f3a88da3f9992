/** @module Progress bars where there is a person to see them. */
import cliProgress from "cli-progress";
import type { LoadProgress } from "../backend/backend.ts";
import { formatBytes } from "../core/byte-size.ts";
import { type DownloadProgress, ProgressMeter } from "../model/source/download/progress-meter.ts";

/** A bar with rate and time left on a terminal; nothing anywhere else. */
export class ProgressBar {
  private bar: cliProgress.SingleBar | null = null;
  private loading: ProgressMeter | null = null;

  /** For `resolveModel`. */
  readonly onDownload = (progress: DownloadProgress): void => this.show(progress);

  /** For `Backend.load`. */
  readonly onLoad = ({ loadedBytes, totalBytes }: LoadProgress): void => {
    this.loading ??= new ProgressMeter("loading", totalBytes, this.onDownload);
    this.loading.moveTo(loadedBytes);
  };

  /** Clears the line. */
  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private show(progress: DownloadProgress): void {
    if (!process.stderr.isTTY) return;
    const values = describe(progress);
    if (this.bar === null) {
      this.bar = newBar();
      this.bar.start(progress.totalBytes ?? 0, progress.doneBytes, values);
    }
    if (progress.totalBytes !== null) this.bar.setTotal(progress.totalBytes);
    this.bar.update(progress.doneBytes, values);
  }
}

function newBar(): cliProgress.SingleBar {
  return new cliProgress.SingleBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    format: "{label} {bar} {percentage}% {done} of {whole}, {rate}/s, {left} left",
  });
}

function describe(progress: DownloadProgress): Record<string, string> {
  const { remainingMs, totalBytes } = progress;
  return {
    label: progress.label,
    done: formatBytes(progress.doneBytes),
    whole: totalBytes === null ? "?" : formatBytes(totalBytes),
    rate: formatBytes(Math.round(progress.bytesPerSecond)),
    left: remainingMs === null ? "?" : `${Math.ceil(remainingMs / 1000)} s`,
  };
}
