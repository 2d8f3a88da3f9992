/** @module pagoda plan --list: the models that the planner knows by name. */
import { PagodaError } from "../../../core/errors.ts";
import { hasAllWords, nearestNames } from "../../../core/options/nearest-names.ts";

const mostNear = 5;

/** `text` true: all. One name a line, so that it can be searched and piped on. Throws PagodaError `model_not_found`. */
export async function printCatalogue(text: string | true, asJson: boolean): Promise<void> {
  const { catalogueModels } = await import("../../../planner/index.ts");
  const names = [...catalogueModels].sort((a, b) => a.localeCompare(b));
  const found = text === true ? names : withWords(names, text);
  process.stdout.write(asJson ? `${JSON.stringify(found)}\n` : found.map((name) => `${name}\n`).join(""));
}

function withWords(names: readonly string[], text: string): readonly string[] {
  const found = names.filter((name) => hasAllWords(name, text));
  if (found.length > 0) return found;
  const near = nearestNames(text, names, mostNear);
  throw new PagodaError("model_not_found", `No model of the catalogue has the words "${text}".`, {
    hint: near.length > 0 ? `Near to it: ${near.join(", ")}.` : "See pagoda plan --list for all names.",
  });
}
