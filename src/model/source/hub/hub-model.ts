/** @module A model of a Hugging Face hub, brought into the shared cache. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import type { LocalModel } from "../../model-files.ts";
import { download } from "../download/download.ts";
import { createFolder, withLock } from "../download/lock-file.ts";
import { type ProgressListener, ProgressMeter, waitingProgress } from "../download/progress-meter.ts";
import type { SourceSettings } from "../settings/source-settings.ts";
import { HubCache } from "./hub-cache.ts";
import { HubClient, type HubFile } from "./hub-client.ts";
import { type WantedFiles, wantedFiles } from "./wanted-files.ts";

export interface HubModelName {
  readonly repoId: string;
  readonly revision: string;
  readonly fileTag: string | null;
}

export interface HubModel {
  readonly model: LocalModel;
  /** Why the cached copy was used without asking, where it was. */
  readonly notes: readonly string[];
}

/**
 * Asks the hub for the revision and fetches the files that are not in the cache yet. Where the hub may not be asked or
 * cannot be reached, a complete copy in the cache serves. Throws PagodaError `model_unavailable` or `download_failed`.
 */
export async function hubModel(
  name: HubModelName,
  settings: SourceSettings,
  onProgress: ProgressListener,
): Promise<HubModel> {
  const cache = new HubCache(settings.hubCacheFolder, name.repoId);
  if (!settings.mayAskHub)
    return { model: cachedModel(name, cache) ?? notInCache(name, settings), notes: [] };
  try {
    return { model: await fetchModel(name, cache, settings, onProgress), notes: [] };
  } catch (cause) {
    if (!(cause instanceof PagodaError) || cause.code !== "model_unavailable") throw cause;
    const model = cachedModel(name, cache);
    if (model === null) throw cause;
    return { model, notes: [`${cause.message}; using the copy in the cache`] };
  }
}

async function fetchModel(
  name: HubModelName,
  cache: HubCache,
  settings: SourceSettings,
  onProgress: ProgressListener,
): Promise<LocalModel> {
  const client = new HubClient(settings);
  const { commit, fileNames } = await client.revision(name.repoId, name.revision);
  for (const fileName of fileNames) refuseEscapingName(fileName);
  const wanted = wantedFiles(name.repoId, fileNames, name.fileTag);
  const fetchMissing = async () => {
    const missing: HubFile[] = [];
    for (const fileName of wanted.fileNames) {
      if (existsSync(join(cache.snapshotFolder(commit), fileName))) continue;
      const file = await client.file(name.repoId, commit, fileName);
      if (existsSync(cache.blobPath(file.etag))) cache.link(commit, fileName, file.etag);
      else missing.push(file);
    }
    for (const [index, file] of missing.entries()) {
      const label = `${name.repoId} ${file.name} (${index + 1} of ${missing.length})`;
      const meter = new ProgressMeter(label, file.numBytes, onProgress);
      await fetchFile({ file, path: cache.blobPath(file.etag), client, stop: settings.stop }, meter);
      cache.link(commit, file.name, file.etag);
    }
  };
  const onWait = (): void => onProgress(waitingProgress(name.repoId));
  await withLock(cache.lockPath(), fetchMissing, settings.stop, onWait);
  cache.rememberCommit(name.revision, commit);
  return localModel(wanted, cache.snapshotFolder(commit));
}

interface WantedBlob {
  readonly file: HubFile;
  readonly path: string;
  readonly client: HubClient;
  readonly stop: AbortSignal;
}

async function fetchFile({ file, path, client, stop }: WantedBlob, meter: ProgressMeter): Promise<void> {
  createFolder(dirname(path));
  const { url, numBytes: totalBytes, digest } = file;
  await download({ url, headers: client.headers, path, totalBytes, digest, stop }, meter);
}

/** The model as far as it is in the cache; null where files are missing. */
function cachedModel(name: HubModelName, cache: HubCache): LocalModel | null {
  const commit = cache.knownCommit(name.revision);
  if (commit === null) return null;
  const folder = cache.snapshotFolder(commit);
  if (!existsSync(folder)) return null;
  const present = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((fileName) =>
    existsSync(join(folder, fileName)),
  );
  try {
    return localModel(wantedFiles(name.repoId, present, name.fileTag), folder);
  } catch (cause) {
    if (cause instanceof PagodaError) return null;
    throw cause;
  }
}

function localModel(wanted: WantedFiles, snapshotFolder: string): LocalModel {
  const [first = ""] = wanted.fileNames;
  return wanted.kind === "hf"
    ? { kind: "hf", path: snapshotFolder }
    : { kind: "gguf", path: join(snapshotFolder, first) };
}

function notInCache(name: HubModelName, settings: SourceSettings): never {
  throw new PagodaError(
    "model_unavailable",
    `${name.repoId} is not in the cache ${settings.hubCacheFolder}, and the hub may not be asked.`,
    { hint: "Unset HF_HUB_OFFLINE and PAGODA_OFFLINE, or name a local folder or .gguf file." },
  );
}

/** File names come from the hub and become paths. */
function refuseEscapingName(fileName: string): void {
  const parts = fileName.split("/");
  if (fileName.includes("\\") || parts.some((part) => part === "" || part === "." || part === ".."))
    throw new PagodaError(
      "model_unavailable",
      `The hub names a file ${JSON.stringify(fileName)}, which is not inside the repository.`,
      { hint: "Use another repository: this one was made to write outside of its folder, or is damaged." },
    );
}
