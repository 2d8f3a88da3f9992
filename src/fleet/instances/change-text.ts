/** @module A change of a start in words. */
import type { FailedStart } from "../drivers/contract/driver.ts";

/** The first change; its reason only where the sentence before it has not said the same. */
export function changeSentence({ sentence, changes: [first] }: FailedStart): string[] {
  if (first === undefined) return [];
  const what = first.model === undefined ? changeText(first.flags) : `with the model ${first.model.to}`;
  const why = sentence.includes(first.why.replace(/\.$/, "")) ? "" : `: ${first.why.replace(/\.$/, "")}`;
  return [`It would start ${what}${why}.`];
}

/** As it goes on after "It would start". */
export const changeText = (flags: readonly string[]): string =>
  flags.map((flag) => (flag.startsWith("without ") ? flag : `with ${flag}`)).join(" and ");
