/** @module `GET /admin/start`: the start of the running instance as the planner takes it, so that a client can plan a change of it. */
import type { ModelShape } from "../../core/footprint.ts";

/** How matrices are quantized while the model loads; `none`: as they are stored. */
export type LoadQuantization = "none" | "int8" | "int4";

export interface RunningStart {
  readonly schema: "pagoda.start/1";
  readonly engine: string;
  /** The first name under which the model is served. */
  readonly model: string;
  /** As a command names the model. */
  readonly modelArgument: string;
  /** The model's own config.json, or a GGUF file's metadata in its words. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What was stated, in flags without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** The device as it was before the start. */
  readonly device: {
    readonly totalBytes: number;
    readonly availableBytes: number;
    readonly numProcessors: number;
  };
  /** The shape that the headers of the weights give; null where the model cannot be quantized so. */
  readonly shapes: Readonly<Record<LoadQuantization, ModelShape | null>>;
  readonly modelMaxLen: number;
  readonly leastUsefulLen: number;
}

/** What the server asks about its own start. */
export interface StartService {
  start(): Promise<RunningStart>;
}
