/** @module The words of `pagoda serve` for a setting. */
import { attributeOf } from "../../core/options/option.ts";
import { engineOptions } from "../../instance/index.ts";
import { type GivenFlags, withKnobs } from "./knobs.ts";

/** The flags of the engine as they were given, with the knobs set; other options of the command are left out. */
export function serveWords(
  model: string | null,
  given: GivenFlags,
  knobs: Readonly<Record<string, string>>,
): readonly string[] {
  const flags = withKnobs(given, knobs);
  const words = Object.values(engineOptions).flatMap(({ spellings }) =>
    spellings.flatMap(({ flag }) => wordsOf(flag, flags[attributeOf(flag)])),
  );
  return ["pagoda", "serve", ...(model === null ? [] : [model]), ...words];
}

function wordsOf(flag: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (value === true) return [flag];
  if (value === false) return [flag.replace("--", "--no-")];
  return Array.isArray(value) ? [flag, ...value.map(String)] : [flag, String(value)];
}
