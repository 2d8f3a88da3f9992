/** @module What more memory would save an instance: prefill of prompts that are asked for again, and preemptions. */
import type { InstanceSnapshot } from "../../../api/admin/observatory/index.ts";

/** How many preemptions a second more blocks would save. */
export interface SavedPreemptions {
  readonly perSecond: number;
  /** Blocks that the sequences there are expected to need beyond the pool. */
  readonly numLacking: number;
}

/**
 * The admission forecast says how many blocks the running sequences will hold at their ends; what is beyond the pool ends in
 * preemptions. Blocks that cover a share of it save that share of the present preemptions. null: the instance does not say.
 */
export function savedPreemptions(
  { blocks, rates, sequences }: InstanceSnapshot,
  numNextBlocks: number,
): SavedPreemptions | null {
  if (blocks === null || rates === null || sequences === null) return null;
  const running = Object.values(sequences).filter(({ state }) => state === "running");
  const numForecast = running.reduce((sum, { numForecastBlocks }) => sum + numForecastBlocks, 0);
  const numLacking = Math.max(0, numForecast - (blocks.numTotal - blocks.numWithheld));
  const share = numLacking === 0 ? 1 : Math.min(1, numNextBlocks / numLacking);
  return { perSecond: rates.preemptionsPerSecond * share, numLacking };
}
