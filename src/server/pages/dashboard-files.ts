/** @module The browser program as `scripts/build-dashboard.ts` left it in build/dashboard: gzipped files and their list. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { isOutOfDescriptors } from "../../core/errors.ts";

/** The same distance from src/ and from dist/. */
const builtFolder = new URL("../../../build/dashboard/", import.meta.url);

/** `page.json`, of which the server needs these. */
interface PageList {
  readonly script: string;
  readonly styles: readonly string[];
  readonly files: readonly string[];
}

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

export class DashboardFiles {
  readonly #folder: URL;

  constructor(folder: URL = builtFolder) {
    this.#folder = folder;
  }

  /** What the page loads first; null where it was not built. Read each time: a build replaces it under a running server. */
  list(): PageList | null {
    const text = this.#read("page.json");
    return text === null ? null : JSON.parse(text.toString("utf8"));
  }

  /** A file of the list; null for any other name: no path of a client reaches the file system. */
  file(name: string, acceptsGzip: boolean): PageFile | null {
    if (this.list()?.files.includes(name) !== true) return null;
    const bytes = this.#read(`${name}.gz`);
    if (bytes === null) return null;
    const type = name.endsWith(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8";
    return { type, bytes: acceptsGzip ? bytes : gunzipSync(bytes) };
  }

  #read(name: string): Buffer | null {
    try {
      return readFileSync(new URL(name, this.#folder));
    } catch (thrown) {
      if (isOutOfDescriptors(thrown)) throw thrown;
      return null;
    }
  }
}
