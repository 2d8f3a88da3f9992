/** @module Which of a repository's files make up the model. */
import { PagodaError } from "../../../core/errors.ts";

const smallFiles = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "chat_template.json",
  "model.safetensors.index.json",
] as const;
/** Chat templates for special uses, such as tool_use.jinja. */
const namedTemplatePattern = /^additional_chat_templates\/[^/]+\.jinja$/;
const shardPattern = /^model-\d{5}-of-\d{5}\.safetensors$/;
/** Taken in this order where a repository has several GGUF files and none was asked for. */
const preferredTags = ["Q4_K_M", "Q4_1", "Q4_0", "Q8_0", "F16"] as const;

export type WantedFiles =
  | { readonly kind: "hf"; readonly fileNames: readonly string[] }
  /** The parts of one GGUF file, in order. */
  | { readonly kind: "gguf"; readonly fileNames: readonly string[] };

/**
 * With a tag, or where there are no safetensors, a GGUF file; otherwise the Hugging Face layout.
 * Throws PagodaError `model_unavailable` listing what there is.
 */
export function wantedFiles(
  repoId: string,
  fileNames: readonly string[],
  fileTag: string | null,
): WantedFiles {
  const weights = fileNames.filter((name) => name === "model.safetensors" || shardPattern.test(name));
  const ggufs = fileNames.filter((name) => name.endsWith(".gguf") && !/(^|\/)mmproj/.test(name)).sort();
  if (fileTag !== null || (weights.length === 0 && ggufs.length > 0))
    return { kind: "gguf", fileNames: chooseGguf(repoId, ggufs, fileTag) };
  if (weights.length === 0 || !fileNames.includes("config.json"))
    throw new PagodaError(
      "model_unavailable",
      `${repoId} has neither safetensors with a config.json nor a .gguf file.`,
      {
        hint: "Name another repository of this model; many are published as GGUF too.",
      },
    );
  const isSharded = fileNames.includes("model.safetensors.index.json");
  const shards = weights.filter((name) => shardPattern.test(name) === isSharded);
  const small = smallFiles.filter((name) => fileNames.includes(name));
  const templates = fileNames.filter((name) => namedTemplatePattern.test(name));
  return { kind: "hf", fileNames: [...small, ...templates, ...shards] };
}

function chooseGguf(repoId: string, ggufs: readonly string[], fileTag: string | null): readonly string[] {
  const tags = fileTag === null ? preferredTags : [fileTag];
  for (const tag of tags) {
    const parts = ggufs.filter((name) => hasTag(name, tag));
    if (parts.length > 0) return onlyOneModel(repoId, parts);
  }
  if (fileTag === null && ggufs.length > 0) return onlyOneModel(repoId, ggufs);
  throw new PagodaError(
    "model_unavailable",
    `${repoId} has no GGUF file${fileTag === null ? "" : ` tagged ${fileTag}`}.`,
    { hint: ggufs.length === 0 ? "Name a repository with .gguf files." : `It has: ${ggufs.join(", ")}.` },
  );
}

/** The tag stands between separators: Q4_K must not match Q4_K_M. */
function hasTag(fileName: string, tag: string): boolean {
  const [base = ""] = fileName.split("/").slice(-1);
  const stem = base.replace(/(-\d{5}-of-\d{5})?\.gguf$/, "").toLowerCase();
  const wanted = tag.toLowerCase();
  return (
    stem === wanted ||
    stem.endsWith(`-${wanted}`) ||
    stem.endsWith(`.${wanted}`) ||
    stem.endsWith(`_${wanted}`)
  );
}

/** Parts of one file share everything but their number. */
function onlyOneModel(repoId: string, names: readonly string[]): readonly string[] {
  const stems = new Set(names.map((name) => name.replace(/-\d{5}-of-(\d{5})\.gguf$/, "-of-$1.gguf")));
  if (stems.size === 1) return names;
  throw new PagodaError("model_unavailable", `${repoId} has several such GGUF files: ${names.join(", ")}.`, {
    hint: `Say which, as ${repoId}:TAG.`,
  });
}
