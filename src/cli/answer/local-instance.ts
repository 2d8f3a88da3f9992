/** @module An instance in this process, for the commands that answer without a server. */
import { type Instance, loadInstance, prepareInstance, resolveSettings } from "../../instance/index.ts";
import { signalExitCodes, stoppableFetch } from "../lifecycle/abortable-download.ts";
import { ProgressPrinter } from "../print/progress.ts";
import type { AnswerValues } from "./answer-options.ts";

/** Fetches the model where it must be (null: the default one) and loads it, with progress on standard error. */
export async function loadLocalInstance(model: string | null, values: AnswerValues): Promise<Instance> {
  const { grantedProcessors } = await import("../../backend/create/index.ts");
  const progress = new ProgressPrinter();
  const settings = resolveSettings(values, grantedProcessors());
  const prepared = await stoppableFetch(signalExitCodes, (stop) =>
    prepareInstance(model, settings, progress.onDownload, stop),
  );
  const instance = await loadInstance(prepared, { onProgress: progress.onLoad });
  progress.stop();
  return instance;
}
