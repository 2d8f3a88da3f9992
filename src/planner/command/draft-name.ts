/** @module The draft model that a start names inside its flags, for those who must read its configuration first. */

import { lookUpModel } from "../model/catalogue.ts";
import type { FlagValues } from "../plan/plan.ts";

const wholeModelMethods: readonly unknown[] = [undefined, null, "draft_model"];

function configured(text: string): string | null {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return null; // the engine's own reader says what is wrong with it
  }
  const { model, method } = Object(config);
  const isHead = /eagle|ngram/i.test(String(model));
  return typeof model === "string" && wholeModelMethods.includes(method) && !isHead ? model : null;
}

/** The name of a whole draft model that the catalogue does not have; null where there is none to read. */
export function draftModelNamed(flags: FlagValues): string | null {
  const json = flags["speculative-config"] ?? flags.sc;
  const method = flags["spec-method"];
  const direct = wholeModelMethods.includes(method) ? flags["spec-model"] : undefined;
  const name = typeof direct === "string" ? direct : typeof json === "string" ? configured(json) : null;
  return name === null || /eagle|ngram/i.test(name) || lookUpModel(name) !== null ? null : name;
}
