/** @module The KV pool of an instance by its own gauges. */
import type { EngineMetrics } from "../metrics/engine-metrics.ts";
import type { InstanceMemory } from "./driver.ts";

/** Tokens are stated, or blocks times the tokens of one. */
export function poolOf(metrics: EngineMetrics | null): Omit<InstanceMemory, "components"> {
  const { numKvBlocks = null, kvBlockTokens = null, numKvTokens = null } = metrics ?? {};
  const counted = numKvBlocks === null || kvBlockTokens === null ? null : numKvBlocks * kvBlockTokens;
  return { numKvBlocks, kvBlockTokens, numKvTokens: numKvTokens ?? counted };
}
