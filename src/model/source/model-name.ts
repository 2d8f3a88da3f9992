/** @module What a user may write where a model is wanted. */
import { existsSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import { type LocalModel, localModelAt } from "../model-files.ts";

export type ModelName =
  | { readonly kind: "local"; readonly model: LocalModel }
  /** `org/name`, `org/name@revision`, `org/name:Q4_K_M`. */
  | {
      readonly kind: "hub";
      readonly repoId: string;
      readonly revision: string;
      readonly fileTag: string | null;
    };

const hubPattern = /^([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?(?::([\w.-]+))?$/;

/**
 * A path that exists is a path; otherwise `org/name` with an optional revision and the tag of a GGUF file.
 * Throws PagodaError `model_unavailable` where it is neither.
 */
export function parseModelName(name: string): ModelName {
  if (existsSync(name)) return { kind: "local", model: localModelAt(name) };
  const match = hubPattern.exec(name);
  const looksLikePath = /^[./~]/.test(name) || name.endsWith(".gguf") || name.includes("..");
  const repoId = match?.[1];
  if (repoId === undefined || looksLikePath)
    throw new PagodaError("model_unavailable", `there is no model at ${name}`, {
      hint: "Name a folder in Hugging Face layout, a .gguf file, or a hub id such as org/name or org/name:Q4_K_M.",
      param: "model",
    });
  return { kind: "hub", repoId, revision: match?.[2] ?? "main", fileTag: match?.[3] ?? null };
}
