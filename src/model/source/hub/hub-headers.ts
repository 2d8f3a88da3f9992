/**
 * @module What a planner needs of a hub's model, without its weights: config.json, and of each weight file its head alone,
 * fetched as an HTTP range. Kept by commit in our own cache:
 *
 *   headers/models--org--name/
 *     snapshots/<commit>/config.json     whole, as hf_quant_config.json beside it
 *     snapshots/<commit>/stored.json     bytes of all tensors
 *     snapshots/<commit>/<weights file>  the header; the rest is a hole in the file
 */
import { closeSync, existsSync, ftruncateSync, openSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import { readJsonObject } from "../../files/json-file.ts";
import { readGguf } from "../../weights/gguf.ts";
import { reasonOf } from "../download/file-errors.ts";
import { createFolder } from "../download/lock-file.ts";
import { type ProgressListener, ProgressMeter } from "../download/progress-meter.ts";
import { parseModelName } from "../settings/model-name.ts";
import type { SourceSettings } from "../settings/source-settings.ts";
import { HubCache } from "./hub-cache.ts";
import { HubClient, type HubFile } from "./hub-client.ts";
import { type WantedFiles, wantedFiles } from "./wanted-files.ts";

export type HubHeaders =
  /** A folder with config.json; bytes of the tensors, null where the repository has no safetensors. */
  | { readonly kind: "hf"; readonly folder: string; readonly storedBytes: number | null }
  /** A GGUF file of which only the header is there. */
  | { readonly kind: "gguf"; readonly path: string };

const storedName = "stored.json";
const configName = "config.json";
const indexName = "model.safetensors.index.json";
/** What modelopt writes of the quantization. */
const quantName = "hf_quant_config.json";
/** u64 length of the JSON header of a safetensors file. */
const lengthBytes = 8;
/** Most headers end here. */
const firstSafetensorsBytes = 64 * 1024;
/** A GGUF header holds the vocabulary: 2 to 20 MiB. */
const firstGgufBytes = 8 * 2 ** 20;
const maxGgufBytes = 256 * 2 ** 20;
const timeoutMs = 60_000;

/** Fetches the beginnings of files, and reports how much came. */
class HeadReader {
  readonly #client: HubClient;
  readonly #meter: ProgressMeter;
  #doneBytes = 0;

  constructor(client: HubClient, label: string, onProgress: ProgressListener) {
    this.#client = client;
    this.#meter = new ProgressMeter(label, null, onProgress);
  }

  /** The bytes `[0, end)` of a file; a server that knows no ranges is cut off there. */
  async read(file: HubFile, end: number): Promise<Buffer> {
    const headers = { ...this.#client.headers, range: `bytes=0-${end - 1}` };
    const chunks: Uint8Array[] = [];
    let numBytes = 0;
    try {
      const response = await fetch(file.url, { headers, signal: AbortSignal.timeout(timeoutMs) });
      if (!response.ok || response.body === null)
        throw new RangeError(`the server answered ${response.status}`);
      for await (const chunk of response.body) {
        chunks.push(chunk);
        numBytes += chunk.byteLength;
        this.#count(chunk.byteLength);
        if (numBytes >= end) break;
      }
    } catch (cause) {
      throw new PagodaError("model_unavailable", `${file.url} could not be read: ${reasonOf(cause)}.`, {
        hint: "Try again, or give a local config.json.",
        cause,
      });
    }
    return Buffer.concat(chunks).subarray(0, end);
  }

  #count(numBytes: number): void {
    this.#doneBytes += numBytes;
    this.#meter.moveTo(this.#doneBytes);
  }
}

/** Keeps the header of a safetensors file; bytes of its tensors: all of it but the header and the header's length. */
async function safetensorsHeader(reader: HeadReader, file: HubFile, folder: string): Promise<number> {
  const first = await reader.read(file, Math.min(firstSafetensorsBytes, file.numBytes));
  const headerBytes = first.length < lengthBytes ? Number.NaN : Number(first.readBigUInt64LE());
  const end = lengthBytes + headerBytes;
  if (!(end <= file.numBytes))
    throw new PagodaError("model_invalid", `${file.url} does not begin as a safetensors file does.`, {
      hint: "Give a local config.json.",
    });
  const head = end <= first.length ? first.subarray(0, end) : await reader.read(file, end);
  writeHead(join(folder, basename(file.name)), head, file.numBytes);
  return file.numBytes - end;
}

/** Writes the head of a file and leaves the rest a hole, so that readers find the size that they expect. */
function writeHead(path: string, head: Uint8Array, numBytes: number): void {
  const descriptor = openSync(path, "w");
  try {
    writeSync(descriptor, head);
    ftruncateSync(descriptor, numBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** True where the parts' headers end inside the bytes that were fetched: their first tensors begin no later. */
function isWhole(path: string, numFetched: number): boolean {
  try {
    const firsts = new Map<string, number>();
    for (const { path: part, byteOffset } of readGguf(path).tensors.values())
      firsts.set(part, Math.min(byteOffset, firsts.get(part) ?? byteOffset));
    return firsts.size > 0 && [...firsts.values()].every((offset) => offset <= numFetched);
  } catch (error) {
    if (error instanceof PagodaError && error.code === "model_invalid") return false;
    throw error;
  }
}

async function ggufHeaders(
  reader: HeadReader,
  files: readonly HubFile[],
  folder: string,
): Promise<HubHeaders> {
  const path = join(folder, basename(files[0]?.name ?? ""));
  for (let end = firstGgufBytes; end <= maxGgufBytes; end *= 2) {
    for (const file of files) {
      const head = await reader.read(file, Math.min(end, file.numBytes));
      writeHead(join(folder, basename(file.name)), head, file.numBytes);
    }
    if (isWhole(path, end)) {
      writeFileSync(join(folder, storedName), JSON.stringify({ gguf: basename(path) }));
      return { kind: "gguf", path };
    }
  }
  throw new PagodaError(
    "model_invalid",
    `${files[0]?.url ?? path} has no GGUF header in its first 256 MiB.`,
    {
      hint: "Download the file and name its path.",
    },
  );
}

/** What an earlier question has left in the cache. */
function keptHeaders(folder: string): HubHeaders | null {
  if (!existsSync(join(folder, storedName))) return null;
  const { gguf, storedBytes } = readJsonObject(join(folder, storedName));
  if (typeof gguf === "string") return { kind: "gguf", path: join(folder, gguf) };
  return { kind: "hf", folder, storedBytes: typeof storedBytes === "number" ? storedBytes : null };
}

/** Where the hub may not be asked: our headers, else a whole copy that was downloaded to serve. */
function offlineHeaders(repoId: string, revision: string, settings: SourceSettings): HubHeaders {
  for (const cacheFolder of [join(settings.ownCacheFolder, "headers"), settings.hubCacheFolder]) {
    const cache = new HubCache(cacheFolder, repoId);
    const commit = cache.knownCommit(revision);
    if (commit === null) continue;
    const folder = cache.snapshotFolder(commit);
    const kept = keptHeaders(folder);
    if (kept !== null) return kept;
    if (existsSync(join(folder, configName))) return { kind: "hf", folder, storedBytes: null };
  }
  throw new PagodaError("model_unavailable", `${repoId} is not in the cache, and the hub may not be asked.`, {
    hint: "Go online once, or name a folder, a config.json or a .gguf file.",
  });
}

/**
 * Reads the headers of `org/name`, `org/name@revision` or `org/name:TAG`.
 * Throws PagodaError `model_unavailable` or `model_invalid`, with what to change.
 */
export async function hubHeaders(
  name: string,
  settings: SourceSettings,
  onProgress: ProgressListener = () => undefined,
): Promise<HubHeaders> {
  const parsed = parseModelName(name);
  if (parsed.kind !== "hub")
    throw new PagodaError("model_unavailable", `${name} is not a hub id.`, { hint: "Write org/name." });
  const { repoId, revision, fileTag } = parsed;
  if (!settings.mayAskHub) return offlineHeaders(repoId, revision, settings);
  const client = new HubClient(settings);
  const { commit, fileNames } = await client.revision(repoId, revision);
  const cache = new HubCache(join(settings.ownCacheFolder, "headers"), repoId);
  const folder = cache.snapshotFolder(commit);
  const kept = fileTag === null ? keptHeaders(folder) : null;
  if (kept !== null) return kept;
  createFolder(folder);
  const hasWeights = fileNames.some((file) => /\.(safetensors|gguf)$/.test(file));
  const wanted =
    hasWeights || !fileNames.includes(configName) ? wantedFiles(repoId, fileNames, fileTag) : null;
  const reader = new HeadReader(client, `reading the headers of ${repoId}`, onProgress);
  const hasQuantConfig = fileNames.includes(quantName);
  const headers = await fetchWanted({ client, reader, repoId, commit, folder, hasQuantConfig }, wanted);
  cache.rememberCommit(revision, commit);
  return headers;
}

interface HeaderFetch {
  readonly client: HubClient;
  readonly reader: HeadReader;
  readonly repoId: string;
  readonly commit: string;
  /** Where the headers are kept. */
  readonly folder: string;
  readonly hasQuantConfig: boolean;
}

async function fetchWanted(fetching: HeaderFetch, wanted: WantedFiles | null): Promise<HubHeaders> {
  const { client, reader, repoId, commit, folder } = fetching;
  const files: HubFile[] = [];
  for (const name of wanted?.fileNames ?? [])
    if (/\.(safetensors|gguf)$/.test(name)) files.push(await client.file(repoId, commit, name));
  if (wanted?.kind === "gguf") return ggufHeaders(reader, files, folder);
  const whole = [configName, ...(fetching.hasQuantConfig ? [quantName] : [])];
  if (wanted?.fileNames.includes(indexName) === true) whole.push(indexName);
  for (const name of whole) {
    const file = await client.file(repoId, commit, name);
    writeFileSync(join(folder, name), await reader.read(file, file.numBytes));
  }
  let storedBytes = 0;
  for (const file of files) storedBytes += await safetensorsHeader(reader, file, folder);
  const stored = files.length === 0 ? null : storedBytes;
  writeFileSync(join(folder, storedName), JSON.stringify({ storedBytes: stored }));
  return { kind: "hf", folder, storedBytes: stored };
}
