/** @module States of models and instances in the language of the page. */
import type { Page } from "./page-state.ts";

const states = ["loading", "ready", "draining", "asleep", "failed", "starting"] as const;

/** A state that a newer server has keeps its own name. */
export function stateName(page: Page, state: string): string {
  const known = states.find((name) => name === state);
  return known === undefined ? state : page.text(`state.${known}`);
}
