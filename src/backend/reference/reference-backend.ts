/** @module The reference backend: runs any program in float32 with plain code. Slow by design. */
import type { Backend } from "../backend.ts";
import { ReferenceModel } from "./reference-model.ts";

export interface ReferenceOptions {
  /**
   * `exact` keeps keys and values in float32 and ignores `kvDtype`: for comparisons with float32 models.
   * `stored` rounds them as `kvDtype` does: for comparisons with other backends, and for serving.
   */
  readonly kv: "exact" | "stored";
}

export function createReferenceBackend(options: ReferenceOptions): Backend {
  return {
    name: "reference",
    load: async (program, limits, onProgress = () => undefined) =>
      new ReferenceModel(program, limits, options.kv === "exact" ? "exact" : limits.kvDtype, onProgress),
  };
}
