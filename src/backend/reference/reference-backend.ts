/** @module The reference backend: any program, in float32, plainly. Slow by design. */
import type { Backend, BackendLimits, LoadedModel, LoadProgress } from "../backend.ts";
import type { Program } from "../program.ts";
import { ReferenceModel } from "./reference-model.ts";

export interface ReferenceOptions {
  /**
   * `exact` keeps keys and values in float32 whatever `kvDtype` says: for comparisons with float32 models.
   * `stored` rounds them as the asked dtype would: for comparisons with other backends, and for serving.
   */
  readonly kv: "exact" | "stored";
}

export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly #options: ReferenceOptions;

  constructor(options: ReferenceOptions = { kv: "stored" }) {
    this.#options = options;
  }

  async load(
    program: Program,
    limits: BackendLimits,
    onProgress: (progress: LoadProgress) => void = () => undefined,
  ): Promise<LoadedModel> {
    const precision = this.#options.kv === "exact" ? "exact" : limits.kvDtype;
    return new ReferenceModel(program, limits, precision, onProgress);
  }
}
