/** @module The model that a load is simulated or measured with. */
import { PagodaError } from "../../../core/errors.ts";
import type { Values } from "../../../core/options/read-options.ts";
import type { engineOptions, PreparedInstance } from "../../../instance/index.ts";
import { signalExitCodes, stoppableFetch } from "../../lifecycle/abortable-download.ts";
import { ProgressPrinter } from "../../print/progress.ts";

export interface TunedModel {
  readonly prepared: PreparedInstance;
  readonly numProcessors: number;
}

/** Finds (and where needed fetches) the model; nothing is loaded. */
export async function tunedModel(
  argument: string | undefined,
  values: Values<typeof engineOptions>,
): Promise<TunedModel> {
  const { grantedProcessors } = await import("../../../backend/create/index.ts");
  const { prepareInstance, resolveSettings } = await import("../../../instance/index.ts");
  if (argument !== undefined && values.modelName !== null)
    throw new PagodaError("invalid_option", "The model is named twice: as an argument and with --model.", {
      hint: "Name it once.",
    });
  const numProcessors = grantedProcessors();
  const settings = resolveSettings(values, numProcessors);
  const progress = new ProgressPrinter();
  const prepared = await stoppableFetch(signalExitCodes, (stop) =>
    prepareInstance(argument ?? values.modelName?.value ?? null, settings, progress.onDownload, stop),
  );
  progress.stop();
  return { prepared, numProcessors };
}

/** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: "SIGINT" | "SIGTERM"): void => {
    if (stop.signal.aborted) process.exit(signalExitCodes[signal]);
    process.exitCode = signalExitCodes[signal];
    stop.abort(new StoppedBySignal());
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stop.signal;
}

/** The reason of `stopOnSignal`. */
export class StoppedBySignal extends Error {}
