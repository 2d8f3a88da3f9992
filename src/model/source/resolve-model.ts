/** @module From what the user wrote to files on this machine. */
import type { LocalModel } from "../model-files.ts";
import { defaultModel, defaultModelId } from "./default-model.ts";
import type { ProgressListener } from "./download/progress-meter.ts";
import { hubModel } from "./hub/hub-model.ts";
import { parseModelName } from "./model-name.ts";
import type { SourceSettings } from "./source-settings.ts";

export type { DownloadProgress, ProgressListener } from "./download/progress-meter.ts";
export { type SourceSettings, sourceSettingsFrom } from "./source-settings.ts";

export interface ResolvedModel {
  readonly model: LocalModel;
  /** The name under which it is served unless the user gives another. */
  readonly modelId: string;
  /** What it must be quantised to at load if the user says nothing; null: as it is. */
  readonly quantization: "int4" | null;
  /** Lines that the user should see: which source was used instead of which. */
  readonly notes: readonly string[];
}

/**
 * `name` is a folder, a .gguf file, `org/name`, `org/name:Q4_K_M`, or null for the default model. Downloads where it
 * must; several processes that want the same file wait for each other.
 * Throws PagodaError `model_unavailable`, `model_invalid` or `download_failed`.
 */
export async function resolveModel(
  name: string | null,
  settings: SourceSettings,
  onProgress: ProgressListener,
): Promise<ResolvedModel> {
  if (name === null) return { ...(await defaultModel(settings, onProgress)), modelId: defaultModelId };
  const parsed = parseModelName(name);
  if (parsed.kind === "local") return { model: parsed.model, modelId: name, quantization: null, notes: [] };
  return { ...(await hubModel(parsed, settings, onProgress)), modelId: name, quantization: null };
}
