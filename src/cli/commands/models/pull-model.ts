/** @module Fetching a model before anything is served. */
import { formatBytes } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import { cachedModels } from "../../../model/source/cached-models.ts";
import { resolveModel, sourceSettingsFrom } from "../../../model/source/resolve-model.ts";
import { parseModelName } from "../../../model/source/settings/model-name.ts";
import { ProgressPrinter } from "../../print/progress.ts";

const interrupted = 130;

/** Ctrl-C keeps the part that came: the next time goes on from there. */
export async function pullModel(name: string, asJson: boolean): Promise<void> {
  const parsed = parseModelName(name);
  if (parsed.kind === "local")
    throw new PagodaError("invalid_option", `${name} is on this machine already; only hub ids are fetched.`, {
      param: "model",
      hint: `Serve it with pagoda serve ${name}.`,
    });
  const stopped = new AbortController();
  const onInterrupt = (): void => {
    process.exitCode = interrupted;
    stopped.abort(
      new PagodaError("download_failed", `The download of ${name} was interrupted.`, {
        hint: "Type the same command again: it goes on where it was.",
      }),
    );
  };
  process.once("SIGINT", onInterrupt);
  const settings = sourceSettingsFrom(process.env, stopped.signal);
  const progress = new ProgressPrinter();
  try {
    const { model, modelId, notes } = await resolveModel(name, settings, progress.onDownload);
    progress.stop();
    for (const note of notes) process.stderr.write(`pagoda: ${note}\n`);
    const numBytes = cachedModels(settings).find(({ path }) => path === model.path)?.numBytes ?? null;
    const size = numBytes === null ? "" : ` (${formatBytes(numBytes)})`;
    process.stdout.write(
      asJson
        ? `${JSON.stringify({ name: modelId, path: model.path, numBytes })}\n`
        : `${modelId}${size} is at ${model.path}\nServe it with: pagoda serve ${name}\n`,
    );
  } finally {
    progress.stop();
    process.off("SIGINT", onInterrupt);
  }
}
