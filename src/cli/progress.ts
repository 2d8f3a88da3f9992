/** @module A progress bar where there is a person to see it. */
import cliProgress from "cli-progress";
import { formatBytes } from "../core/byte-size.ts";

export interface ProgressBar {
  update(doneBytes: number, totalBytes: number): void;
  stop(): void;
}

const quiet: ProgressBar = { update: () => undefined, stop: () => undefined };

/** On a terminal a bar with rate and time left, on anything else nothing. */
export function progressBar(label: string): ProgressBar {
  if (!process.stderr.isTTY) return quiet;
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 50,
    format: `${label} {bar} {percentage}% {done} of {whole}, {rate}/s, {eta_formatted} left`,
  });
  let startedMs: number | null = null;
  return {
    update(doneBytes, totalBytes) {
      const nowMs = performance.now();
      const payload = (rate: number) => ({
        done: formatBytes(doneBytes),
        whole: formatBytes(totalBytes),
        rate: formatBytes(rate),
      });
      if (startedMs === null) {
        startedMs = nowMs;
        bar.start(totalBytes, doneBytes, payload(0));
        return;
      }
      bar.update(doneBytes, payload((doneBytes * 1000) / Math.max(1, nowMs - startedMs)));
    },
    stop: () => bar.stop(),
  };
}
