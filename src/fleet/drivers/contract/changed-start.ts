/** @module A start with a change applied, in the words in which the change is shown. */
import type { StartChange } from "./driver.ts";
import { type EngineStart, flagSpans } from "./engine-start.ts";

/** `--flag value` replaces what the start says of the flag or is added; `without --flag` takes it away. */
export function changedStart(start: EngineStart, { flags, model }: Omit<StartChange, "why">): EngineStart {
  let words = start.words;
  for (const typed of flags) {
    const [first = "", ...rest] = typed.split(" ");
    const isRemoval = first === "without";
    const flag = isRemoval ? (rest[0] ?? "") : first;
    words = without({ ...start, words }, flag);
    if (!isRemoval) words = [...words, flag, ...rest];
  }
  if (model !== undefined) words = words.map((word) => (word === model.from ? model.to : word));
  return { ...start, words };
}

function without(start: EngineStart, flag: string): readonly string[] {
  const gone = flagSpans(start).filter(({ name }) => name === flag);
  return start.words.filter((_, index) => !gone.some(({ from, to }) => index >= from && index < to));
}
