/** @module From what the user wrote to files on this machine. */
import type { LocalModel } from "../model-files.ts";
import { defaultModel } from "./default-model.ts";
import type { ProgressListener } from "./download/progress-meter.ts";
import { hubModel } from "./hub/hub-model.ts";
import { defaultModelId, parseModelName } from "./settings/model-name.ts";
import type { SourceSettings } from "./settings/source-settings.ts";

export type { DownloadProgress, ProgressListener } from "./download/progress-meter.ts";
export { type SourceSettings, sourceSettingsFrom } from "./settings/source-settings.ts";

export interface ResolvedModel {
  readonly model: LocalModel;
  /** The name under which it is served unless the user gives another: never a path. */
  readonly modelId: string;
  /** What it must be quantized to at load if the user says nothing; null: as it is. */
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
  const parsed = name === null ? ({ kind: "default" } as const) : parseModelName(name);
  if (parsed.kind === "default")
    return { ...(await defaultModel(settings, onProgress)), modelId: defaultModelId };
  const { modelId } = parsed;
  if (parsed.kind === "local") return { model: parsed.model, modelId, quantization: null, notes: [] };
  return { ...(await hubModel(parsed, settings, onProgress)), modelId, quantization: null };
}
