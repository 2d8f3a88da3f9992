/** @module A parameter of a query is one text: routes need not look for lists. */
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";

/** Throws `invalid_request` that names a parameter which is there twice. */
export function requireSingleParameters(query: unknown): void {
  if (typeof query !== "object" || query === null) return;
  for (const [name, value] of Object.entries(query)) {
    if (!Array.isArray(value)) continue;
    throw new PagodaError("invalid_request", `The query has '${shownText(name)}' ${value.length} times.`, {
      param: name,
      hint: "Give it once.",
    });
  }
}
