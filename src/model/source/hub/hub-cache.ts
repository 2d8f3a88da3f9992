/**
 * @module The cache that huggingface_hub and we share:
 *
 *   models--org--name/
 *     blobs/<etag>                    the bytes
 *     snapshots/<commit>/<file> ->    ../../blobs/<etag>
 *     refs/<revision>                 the commit's id
 */
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { writeFault } from "../download/file-errors.ts";
import { createFolder } from "../download/lock-file.ts";

export class HubCache {
  readonly #repoFolder: string;

  constructor(cacheFolder: string, repoId: string) {
    this.#repoFolder = join(cacheFolder, `models--${repoId.replaceAll("/", "--")}`);
  }

  blobPath(etag: string): string {
    return join(this.#repoFolder, "blobs", etag);
  }

  snapshotFolder(commit: string): string {
    return join(this.#repoFolder, "snapshots", commit);
  }

  lockPath(): string {
    return join(dirname(this.#repoFolder), ".locks", `${this.#repoFolder.split("/").at(-1)}.pagoda.lock`);
  }

  /** The commit that `revision` was when it was last asked for, or null. A commit's id is itself. */
  knownCommit(revision: string): string | null {
    if (/^[0-9a-f]{40}$/.test(revision)) return revision;
    try {
      const commit = readFileSync(join(this.#repoFolder, "refs", revision), "utf8").trim();
      return /^[0-9a-f]{40}$/.test(commit) ? commit : null;
    } catch {
      return null; // never asked for
    }
  }

  rememberCommit(revision: string, commit: string): void {
    if (revision === commit) return;
    const path = join(this.#repoFolder, "refs", revision);
    createFolder(dirname(path));
    try {
      writeFileSync(path, commit);
    } catch (cause) {
      throw writeFault(cause, path);
    }
  }

  /** Puts a finished blob into a snapshot under its file name. */
  link(commit: string, fileName: string, etag: string): void {
    const path = join(this.snapshotFolder(commit), fileName);
    if (existsSync(path)) return;
    createFolder(dirname(path));
    try {
      rmSync(path, { force: true }); // a link whose blob is gone
      symlinkSync(relative(dirname(path), this.blobPath(etag)), path);
    } catch (cause) {
      throw writeFault(cause, path);
    }
  }
}
