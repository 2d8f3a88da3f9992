/** @module What a user may write where a model is wanted, and what it is called afterwards. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import { nearestNames } from "../../../core/options/nearest-names.ts";
import { type LocalModel, localModelAt } from "../../model-files.ts";

export type ModelName =
  | { readonly kind: "local"; readonly model: LocalModel; readonly modelId: string }
  | { readonly kind: "default" }
  /** `org/name`, `org/name@revision`, `org/name:Q4_K_M`. */
  | {
      readonly kind: "hub";
      readonly repoId: string;
      readonly revision: string;
      readonly fileTag: string | null;
      readonly modelId: string;
    };

/** Under this name the default model is found too. */
export const defaultModelId = "SmolLM2-135M-Instruct";

const hubPattern = /^([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?(?::([\w.-]+))?$/;

/**
 * A path that exists is a path; otherwise the default model's name, or `org/name` with an optional revision and the tag
 * of a GGUF file. Throws PagodaError `model_unavailable`, which says where it was looked for, for anything else.
 */
export function parseModelName(name: string): ModelName {
  if (existsSync(name)) return { kind: "local", model: localModelAt(name), modelId: idOfPath(name) };
  if (isDefaultModel(name)) return { kind: "default" };
  const match = looksLikePath(name) ? null : hubPattern.exec(name);
  const repoId = match?.[1];
  if (repoId === undefined) throw notFound(name);
  const fileTag = match?.[3] ?? null;
  const modelId = fileTag === null ? repoId : `${repoId}:${fileTag}`;
  return { kind: "hub", repoId, revision: match?.[2] ?? "main", fileTag, modelId };
}

/** Whether this is meant to be a model, not a prompt. */
export function namesModel(text: string): boolean {
  if (text.includes("\n")) return false;
  return isModelHere(text) || isDefaultModel(text) || looksLikePath(text) || hubPattern.test(text);
}

function isModelHere(path: string): boolean {
  return path.endsWith(".gguf") ? existsSync(path) : existsSync(join(path, "config.json"));
}

function isDefaultModel(name: string): boolean {
  return name.toLowerCase() === defaultModelId.toLowerCase();
}

/** A text that begins with a dot may be a prompt ("…and then?"): a path has no white space but after a slash. */
function looksLikePath(name: string): boolean {
  return /^(\.{0,2}|~)\/[^\s]/.test(name) || /^\S+\.gguf$/.test(name) || name.split("/").includes("..");
}

/** The name of a file or folder; of a folder in the hub's cache, the repository's. */
function idOfPath(path: string): string {
  const whole = resolve(path);
  const [, organization, repository] = /models--(.+?)--([^/]+)\/snapshots\/[^/]+$/.exec(whole) ?? [];
  if (organization !== undefined) return `${organization}/${repository}`;
  return basename(whole).replace(/\.gguf$/, "");
}

function notFound(name: string): PagodaError {
  const folder = dirname(resolve(name));
  const message = existsSync(folder)
    ? `The folder ${folder} has no ${basename(name)}.`
    : `The folder ${folder} does not exist, so ${name} was not found.`;
  const near = nearestNames(basename(name), modelsIn(folder), 3);
  const hint =
    near.length > 0
      ? `The folder has ${near.join(", ")}.`
      : "Name a folder in Hugging Face layout, a .gguf file, or a hub id such as org/name or org/name:Q4_K_M.";
  return new PagodaError("model_unavailable", message, { hint, param: "model" });
}

/** Files and folders that could be meant. */
function modelsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .map(({ name }) => name)
      .filter((name) => isModelHere(join(folder, name)));
  } catch {
    return []; // a folder that cannot be read has nothing to propose
  }
}
