/** @module The models that are on this machine: those of the cache that huggingface_hub and we share, and the default model. */
import { lstatSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { defaultModelFile } from "./default-model.ts";
import { withLock } from "./download/lock-file.ts";
import { HubCache } from "./hub/hub-cache.ts";
import { wantedFiles } from "./hub/wanted-files.ts";
import { packagedFilePath } from "./package/packaged-file.ts";
import { defaultModelId } from "./settings/model-name.ts";
import type { SourceSettings } from "./settings/source-settings.ts";

export interface CachedModel {
  /** As `pagoda serve` takes it: `org/name`, `org/name:Q4_K_M`, or the default model's name. */
  readonly name: string;
  readonly format: "safetensors" | "gguf";
  /** Bytes of its files on the disk, each counted once. */
  readonly numBytes: number;
  /** A folder in Hugging Face layout, or the (first) .gguf file. null: files are missing, a download was not finished. */
  readonly path: string | null;
}

/** What a cache holds, by name; a repository without a model's files (a dataset's, a tokenizer's) is left out. */
export function cachedModels(settings: SourceSettings): CachedModel[] {
  const path = packagedFilePath(defaultModelFile, settings);
  const ofPackage = statSync(path, { throwIfNoEntry: false });
  const own: CachedModel[] =
    ofPackage === undefined ? [] : [{ name: defaultModelId, format: "gguf", numBytes: ofPackage.size, path }];
  const hub = namesIn(settings.hubCacheFolder).flatMap((folderName) => {
    const repoId = repoIdOf(folderName);
    return repoId === null ? [] : modelsOf(repoId, join(settings.hubCacheFolder, folderName));
  });
  return [...own, ...hub].sort((a, b) => a.name.localeCompare(b.name));
}

/** `models--org--name` → `org/name`; null for anything else. */
function repoIdOf(folderName: string): string | null {
  const [kind, organization, ...rest] = folderName.split("--");
  if (kind !== "models" || organization === undefined) return null;
  return rest.length === 0 ? organization : `${organization}/${rest.join("--")}`;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // nothing was ever downloaded
  }
}

/** The revision that was asked for last, else any that is there. */
function snapshotOf(repoId: string, repoFolder: string): string | null {
  const known = new HubCache(dirname(repoFolder), repoId).knownCommit("main");
  const commits = namesIn(join(repoFolder, "snapshots"));
  const commit = known !== null && commits.includes(known) ? known : commits[0];
  return commit === undefined ? null : join(repoFolder, "snapshots", commit);
}

function modelsOf(repoId: string, repoFolder: string): CachedModel[] {
  const snapshot = snapshotOf(repoId, repoFolder);
  const present = snapshot === null ? [] : filesIn(snapshot);
  const ggufs = [...new Set(present.filter((name) => name.endsWith(".gguf")).map(tagOf))];
  const found = ggufs.flatMap((tag) => modelWith(repoId, snapshot ?? "", present, tag) ?? []);
  const whole = ggufs.length > 0 ? null : modelWith(repoId, snapshot ?? "", present, null);
  if (whole !== null) found.push(whole);
  if (found.length > 0) return found;
  const begun = bytesOf(namesIn(join(repoFolder, "blobs")).map((name) => join(repoFolder, "blobs", name)));
  const isModel = present.includes("config.json") || hasUnfinished(repoFolder);
  return begun > 0 && isModel ? [{ name: repoId, format: "safetensors", numBytes: begun, path: null }] : [];
}

const hasUnfinished = (repoFolder: string): boolean =>
  namesIn(join(repoFolder, "blobs")).some((name) => name.endsWith(".incomplete"));

/** Files whose bytes are there: a link whose blob is gone does not count. */
function filesIn(snapshot: string): string[] {
  return readdirSync(snapshot, { recursive: true, encoding: "utf8" }).filter(
    (name) => statSync(join(snapshot, name), { throwIfNoEntry: false })?.isFile() === true,
  );
}

/** `SmolLM2-Q4_K_M-00001-of-00002.gguf` → Q4_K_M; the whole stem where no tag can be told. */
function tagOf(fileName: string): string {
  const stem = basename(fileName)
    .replace(/\.gguf$/, "")
    .replace(/-\d{5}-of-\d{5}$/, "");
  return /[-._]((?:I?Q\d\w*|T?BF16|F16|F32|MXFP4\w*))$/i.exec(stem)?.[1] ?? stem;
}

/** null where the files do not make a model. */
function modelWith(
  repoId: string,
  snapshot: string,
  present: readonly string[],
  tag: string | null,
): CachedModel | null {
  try {
    const { kind, fileNames } = wantedFiles(repoId, present, tag);
    const [first = ""] = fileNames;
    return {
      name: tag === null ? repoId : `${repoId}:${tag}`,
      format: kind === "hf" ? "safetensors" : "gguf",
      numBytes: bytesOf(fileNames.map((name) => join(snapshot, name))),
      path: kind === "hf" ? snapshot : join(snapshot, first),
    };
  } catch (cause) {
    if (cause instanceof PagodaError) return null;
    throw cause;
  }
}

function bytesOf(paths: readonly string[]): number {
  const sizes = new Map<string, number>();
  for (const path of paths) {
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size !== undefined) sizes.set(realpathSync(path), size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/**
 * Removes a model's files, and the bytes that no other file of its repository uses; a repository without a model goes as a
 * whole. Waits for a download of the same repository. Returns the bytes that are free again.
 */
export async function removeModel(model: CachedModel, settings: SourceSettings): Promise<number> {
  const repoId = model.name.replace(/:[^:/]+$/, "");
  const repoFolder = join(settings.hubCacheFolder, `models--${repoId.replaceAll("/", "--")}`);
  if (model.path !== null && !model.path.startsWith(`${repoFolder}/`)) {
    rmSync(model.path);
    return model.numBytes;
  }
  const cache = new HubCache(settings.hubCacheFolder, repoId);
  const before = bytesIn(repoFolder);
  const others = modelsOf(repoId, repoFolder).filter(({ name }) => name !== model.name);
  const remove = async (): Promise<void> => {
    if (others.length === 0) rmSync(repoFolder, { recursive: true });
    else removeFile(model);
  };
  await withLock(cache.lockPath(), remove, settings.stop, () => undefined);
  return before - bytesIn(repoFolder);
}

/** All parts of a .gguf file that has others beside it, and their blobs. */
function removeFile({ path }: CachedModel): void {
  if (path === null) return;
  const folder = dirname(path);
  const stem = basename(path).replace(/-\d{5}-of-(\d{5}\.gguf)$/, "-of-$1");
  for (const name of readdirSync(folder)) {
    if (name.replace(/-\d{5}-of-(\d{5}\.gguf)$/, "-of-$1") !== stem) continue;
    const link = join(folder, name);
    const blob = lstatSync(link).isSymbolicLink() ? join(folder, readlinkSync(link)) : null;
    rmSync(link);
    if (blob !== null) rmSync(blob, { force: true });
  }
}

function bytesIn(folder: string): number {
  const blobs = join(folder, "blobs");
  return bytesOf(namesIn(blobs).map((name) => join(blobs, name)));
}
