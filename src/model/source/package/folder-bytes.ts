/** @module What a folder holds while another program works in it. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Bytes of all files at and below `path`, in its folders too. What another program removes meanwhile counts nothing (a
 * listing and the look at what it lists are two moments), nor does what cannot be read: a meter never ends a download.
 */
export function bytesBelow(path: string): number {
  try {
    const found = lstatSync(path);
    if (found.isFile()) return found.size;
    if (!found.isDirectory()) return 0;
    return readdirSync(path).reduce((totalBytes, name) => totalBytes + bytesBelow(join(path, name)), 0);
  } catch {
    return 0;
  }
}
