/** @module The smallest change that helps. Each is tried before it is named, and two are made at once where one is not enough. */
import type { Change, Remedy, Step } from "../plan/change.ts";

/** What a change would lead to; null where it does not help, or is refused. */
export type Attempt<Item, Answer> = (change: Item) => Answer | null;

export interface Found<Item, Answer> {
  readonly change: Item;
  readonly answer: Answer;
}

/** The first change of a list, mildest first, that helps. Each is tried: a refusal in between (a head count) ends nothing. */
export function firstThatFits<Item, Answer>(
  changes: Iterable<Item>,
  attempt: Attempt<Item, Answer>,
): Found<Item, Answer> | null {
  for (const change of changes) {
    const answer = attempt(change);
    if (answer !== null) return { change, answer };
  }
  return null;
}

/** The likeliest remedies, of which pairs are tried. */
const mostRemediesInPairs = 4;

/**
 * Up to `most` changes, one of each remedy, in the order of the remedies; then pairs of those that did not help alone.
 */
export function smallestThatFits<Answer>(
  remedies: readonly Remedy[],
  attempt: Attempt<Change, Answer>,
  most: number,
): readonly Found<Change, Answer>[] {
  const found: Found<Change, Answer>[] = [];
  const helps = (remedy: Remedy): boolean => {
    if (found.length === most) return true;
    const changes = remedy.steps.map((step) => ({ ...step, why: remedy.why }));
    const smallest = firstThatFits(changes, attempt);
    if (smallest !== null && !found.some(({ change }) => isSame(change, smallest.change)))
      found.push(smallest);
    return smallest !== null;
  };
  const tooWeak = remedies.filter((remedy) => !helps(remedy));
  for (const pair of pairsOf(tooWeak)) helps(pair);
  return found;
}

function isSame(a: Step, b: Step): boolean {
  return a.model?.name === b.model?.name && JSON.stringify(a.flags) === JSON.stringify(b.flags);
}

function pairsOf(remedies: readonly Remedy[]): Remedy[] {
  const likely = remedies.filter(({ steps }) => steps.length > 0).slice(0, mostRemediesInPairs);
  return likely.flatMap((first, at) => likely.slice(at + 1).map((second) => bothOf(first, second)));
}

/** Two remedies at once; the second's flags win where both set one. */
function bothOf(first: Remedy, second: Remedy): Remedy {
  const steps = sampled(first.steps).flatMap((a) =>
    sampled(second.steps).map((b) => ({ ...a, ...b, flags: { ...a.flags, ...b.flags } })),
  );
  return { steps, why: `${first.why}, and ${second.why}` };
}

/** Steps of one of two remedies that are combined: many of the mild ones, few of the hard ones, and the hardest. */
function sampled(steps: readonly Step[]): readonly Step[] {
  return steps.filter((_, at) => Number.isInteger(Math.log2(at + 1)) || at === steps.length - 1);
}
