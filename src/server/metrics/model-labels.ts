/** @module vLLM's labels of every metric of a model. */
import type { ServedModelEntry } from "../models/served-model-entry.ts";

export interface ModelLabels extends Record<string, string> {
  readonly model_name: string;
  readonly engine: string;
}

export function labelsOf(entry: Pick<ServedModelEntry, "name" | "engineIndex">): ModelLabels {
  return { model_name: entry.name, engine: String(entry.engineIndex) };
}
