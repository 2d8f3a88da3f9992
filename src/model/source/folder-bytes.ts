/** @module What a folder holds while another program works in it. */
import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "./file-faults.ts";

/**
 * Bytes of all files below `folder`, in its folders too. What another program removes meanwhile counts nothing:
 * a listing and the look at what it lists are two moments.
 */
export function bytesBelow(folder: string): number {
  return entriesOf(folder).reduce((totalBytes, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return totalBytes + bytesBelow(path);
    if (!entry.isFile()) return totalBytes;
    return totalBytes + (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }, 0);
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  }
}
