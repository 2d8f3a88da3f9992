/** @module Asks models of other processes how they are. */
import type { ServedModelEntry } from "./served-model-entry.ts";

/** An endpoint that does not answer in this time is not healthy. */
const mostMs = 2000;

/** Asks all at once, and notes at each one what it answered. Never rejects. */
export async function checkEndpoints(entries: readonly ServedModelEntry[]): Promise<void> {
  await Promise.all(
    entries.map(async (entry) => {
      if (entry.endpoint === null) return;
      entry.noteHealth(await entry.endpoint.health(AbortSignal.timeout(mostMs)));
    }),
  );
}
