/** @module Rewrites text before it is cut into words. */

import { requireModestGrowth } from "./patterns/bounded-replace.ts";

/** `isFirst`: the text begins the input. */
export type Normalizer = (text: string, isFirst: boolean) => string;

export const unchanged: Normalizer = (text) => text;

export function normalizeInSequence(steps: readonly Normalizer[]): Normalizer {
  return (text, isFirst) =>
    steps.reduce((rewritten, step) => requireModestGrowth(step(rewritten, isFirst), text), text);
}
