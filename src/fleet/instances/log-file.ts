/** @module The output of an instance: a file for each start, the last few kept, none of them without bound. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from "node:fs";

/** Files of earlier starts that are kept: `NAME.log.1` is the last one. */
const mostKept = 3;
/** What is read of a file to explain an end: the rest is older. */
const mostRead = 1024 * 1024;

/** Makes room for the file of a new start. */
export function rotateLog(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  for (let number = mostKept - 1; number >= 1; number -= 1)
    if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  renameSync(path, `${path}.1`);
}

/** A file above `mostBytes` goes on empty, and its text is kept beside it: its writer has it open, and appends. */
export function boundLog(path: string, mostBytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= mostBytes) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
}

/** The last MiB of it; empty where there is none. */
export function outputOf(path: string): string {
  if (!existsSync(path)) return "";
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, mostRead));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8");
  } finally {
    closeSync(file);
  }
}
