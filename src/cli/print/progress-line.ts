/** @module How far something is, as a bar of a stated width or as a sentence. */
import { formatBytes } from "../../core/byte-size.ts";
import type { DownloadProgress } from "../../model/source/download/progress-meter.ts";

const mostBarColumns = 30;
const leastBarColumns = 8;

/** At most `columns` characters: figures first, then the bar, then as much of the label as there is room for. */
export function progressLine(progress: DownloadProgress, columns: number): string {
  const figures = [amount(progress), rate(progress), timeLeft(progress)].filter((text) => text !== "");
  // What is least needed goes first where even the figures do not fit.
  while (figures.length > 1 && figures.join(", ").length > columns) figures.pop();
  const text = figures.join(", ").slice(0, columns);
  const roomForBar = columns - text.length - 1;
  const labelColumns = Math.min(progress.label.length, Math.max(0, roomForBar - leastBarColumns - 3));
  const label = shortened(progress.label, labelColumns);
  const barColumns = Math.min(mostBarColumns, roomForBar - (label === "" ? 0 : label.length + 1) - 2);
  const bar = barColumns < leastBarColumns ? "" : barOf(progress, barColumns);
  return [label, bar, text].filter((part) => part !== "").join(" ");
}

/** `fetching m.gguf: 42.0 MiB of 93.8 MiB (45 %), 11.2 MiB/s, 5 s left` */
export function progressSentence(progress: DownloadProgress): string {
  const parts = [`${amount(progress)}${percentage(progress)}`, rate(progress), timeLeft(progress)];
  const figures = parts.filter((part) => part !== "").join(", ");
  return figures === "" ? progress.label : `${progress.label}: ${figures}`;
}

function amount({ doneBytes, totalBytes }: DownloadProgress): string {
  if (totalBytes === null && doneBytes === 0) return "";
  const done = formatBytes(doneBytes);
  return totalBytes === null ? done : `${done} of ${formatBytes(totalBytes)}`;
}

function percentage(progress: DownloadProgress): string {
  const share = shareDone(progress);
  return share === null ? "" : ` (${Math.floor(share * 100)} %)`;
}

function rate({ bytesPerSecond }: DownloadProgress): string {
  return bytesPerSecond > 0 ? `${formatBytes(Math.round(bytesPerSecond))}/s` : "";
}

function timeLeft({ remainingMs }: DownloadProgress): string {
  if (remainingMs === null || remainingMs === 0) return "";
  const seconds = Math.ceil(remainingMs / 1000);
  return seconds < 100 ? `${seconds} s left` : `${Math.ceil(seconds / 60)} min left`;
}

/** 0 to 1; null where the whole is not known, or is nothing. */
function shareDone({ doneBytes, totalBytes }: DownloadProgress): number | null {
  return totalBytes === null || totalBytes === 0 ? null : Math.min(1, doneBytes / totalBytes);
}

function barOf(progress: DownloadProgress, columns: number): string {
  const share = shareDone(progress);
  if (share === null) return "";
  const numDone = Math.floor(share * columns);
  return `[${"#".repeat(numDone)}${"-".repeat(columns - numDone)}]`;
}

/** The end of a long label is its least: names of repositories and files are told apart by how they begin. */
function shortened(label: string, columns: number): string {
  if (label.length <= columns) return label;
  return columns < 4 ? "" : `${label.slice(0, columns - 1)}…`;
}
