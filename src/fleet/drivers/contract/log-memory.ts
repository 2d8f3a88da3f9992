/** @module The components of an instance's memory as its own start-up log states them, read by the planner. */

import { PagodaError } from "../../../core/errors.ts";
import type { MemoryComponentName } from "../../../core/footprint.ts";
import { type LogFacts, readLog } from "../../../planner/index.ts";
import type { InstanceMemory } from "./driver.ts";

/** What the log calls it, and what it is here. */
const componentOf = {
  weights: "weights",
  persistent: "persistent",
  activations: "activations",
  capturedGraphs: "graphs",
  availableKv: "kvPool",
} as const satisfies Partial<Record<keyof LogFacts["figures"], MemoryComponentName>>;

/** Nothing where the output has no line that the planner knows. */
export function memoryInLog(output: string, engine: string): InstanceMemory {
  const facts = factsOf(output, engine);
  const { numBlocks = null, blockSize = null, numTokens = null } = facts?.counts ?? {};
  const components = Object.entries(componentOf).flatMap(([figure, name]) => {
    const stated = facts?.figures[figure as keyof typeof componentOf];
    return stated === undefined ? [] : [[name, stated.expectedBytes]];
  });
  return {
    components: Object.fromEntries(components),
    numKvBlocks: numBlocks,
    kvBlockTokens: blockSize,
    numKvTokens: numTokens,
  };
}

function factsOf(output: string, engine: string): LogFacts | null {
  try {
    return readLog(output, engine);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}
