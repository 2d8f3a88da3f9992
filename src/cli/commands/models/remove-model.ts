/** @module Removing a model's files. */
import { createInterface } from "node:readline/promises";
import { formatBytes } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import { nearestNames } from "../../../core/options/nearest-names.ts";
import { type CachedModel, cachedModels, removeModel } from "../../../model/source/cached-models.ts";
import { sourceSettingsFrom } from "../../../model/source/resolve-model.ts";

interface RemoveOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Exit status 1 where the person says no. */
export async function removeCachedModel(name: string, options: RemoveOptions): Promise<void> {
  const settings = sourceSettingsFrom(process.env);
  const model = modelNamed(name, cachedModels(settings));
  if (options.yes !== true && !(await isWanted(model))) {
    process.stderr.write("pagoda: nothing was removed.\n");
    process.exitCode = 1;
    return;
  }
  const freedBytes = await removeModel(model, settings);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ name: model.name, freedBytes })}\n`
      : `${model.name} is removed; ${formatBytes(freedBytes)} are free again.\n`,
  );
}

/** @throws PagodaError `invalid_option` where nobody can be asked. */
async function isWanted(model: CachedModel): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new PagodaError(
      "invalid_option",
      "The terminal cannot be asked whether the model shall be removed.",
      {
        param: "yes",
        hint: `Type pagoda models remove ${model.name} --yes.`,
      },
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Remove ${model.name} (${formatBytes(model.numBytes)})? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** @throws PagodaError `model_not_found` with the names that are near. */
function modelNamed(name: string, all: readonly CachedModel[]): CachedModel {
  const found = all.find((model) => model.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const near = nearestNames(
    name,
    all.map((model) => model.name),
    3,
  );
  throw new PagodaError("model_not_found", `No model on this machine is called "${name}".`, {
    hint: near.length > 0 ? `Near to it: ${near.join(", ")}.` : "See pagoda models list.",
  });
}
