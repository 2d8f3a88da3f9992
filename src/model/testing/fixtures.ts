/** @module Files that tests read: fixtures of the repository, and the real default model where it has been fetched. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { defaultModelFile } from "../source/default-model.ts";
import { packagedFilePath } from "../source/package/packaged-file.ts";
import { sourceSettingsFrom } from "../source/settings/source-settings.ts";

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures");

export const tinyArchitectures = [
  "gemma2",
  "gemma3",
  "granite",
  "llama-gqa-rope-scaled",
  "llama-tied-odd-heads",
  "llama-wide-head",
  "mistral-sliding-window",
  "olmo2",
  "phi3",
  "qwen2",
  "qwen3",
] as const;

export function tinyFolder(architecture: string): string {
  return join(fixtures, "tiny", architecture);
}

/** Parsed reference of the default model: `greedy`, `tokenized` or `texts`. */
export function smollmReference(name: "greedy" | "tokenized" | "texts"): unknown {
  return JSON.parse(readFileSync(join(fixtures, "smollm2", `${name}.json`), "utf8"));
}

export const realModelPath = packagedFilePath(defaultModelFile, sourceSettingsFrom(process.env));

/** false where the real model is here; otherwise why the test is skipped. */
export const skipWithoutRealModel: string | false = existsSync(realModelPath)
  ? false
  : `${realModelPath} has not been fetched; \`npm start\` fetches it`;
