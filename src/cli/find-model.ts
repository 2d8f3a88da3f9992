/** @module The model that a name on the command line means, on this machine or fetched to it. */
import { basename, resolve } from "node:path";
import { type LocalModel, localModelAt } from "../model/model-files.ts";

export interface FoundModel {
  readonly source: LocalModel;
  /** Its name in the API unless another is given. */
  readonly modelId: string;
}

export async function findModel(name: string): Promise<FoundModel> {
  const source = localModelAt(resolve(name));
  return { source, modelId: basename(source.path).replace(/\.gguf$/, "") };
}
