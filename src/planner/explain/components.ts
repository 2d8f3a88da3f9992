/** @module The components of a start, as its log states or implies them and as the plan has them. */
import type { FigureName, LogFacts } from "../log/log-facts.ts";
import type { MeasuredBytes } from "../plan/plan.ts";
import type { Quantity } from "../quantity/quantity.ts";
import type { MeasuredStart } from "./trial.ts";

export interface ExplainedComponent {
  readonly name: string;
  readonly label: string;
  /** What the log states or implies; null where it does neither. */
  readonly logged: Quantity | null;
  readonly planned: Quantity | null;
}

const figureOf: Readonly<Record<string, FigureName>> = {
  weights: "weights",
  persistent: "persistent",
  activations: "activations",
  graphs: "graphs",
  kvPool: "availableKv",
  workspace: "workspace",
};

function loggedPart(facts: LogFacts, parts: MeasuredBytes, name: string): Quantity | null {
  const figure = figureOf[name];
  const stated = figure === undefined ? undefined : facts.figures[figure];
  if (stated !== undefined) return stated;
  if (name === "graphs" && facts.figures.capturedGraphs !== undefined) return facts.figures.capturedGraphs;
  const implied =
    name === "persistent" || name === "activations" || name === "graphs" ? parts[name] : undefined;
  return implied?.evidence.kind === "measured" ? implied : null;
}

const bareLabels: readonly (readonly [FigureName, string])[] = [
  ["total", "visible total"],
  ["freeAtStart", "free before loading"],
  ["weights", "weights"],
  ["persistent", "persistent buffers"],
  ["activations", "peak activations"],
  ["workspace", "compute buffer"],
  ["graphs", "CUDA graphs"],
  ["capturedGraphs", "CUDA graphs, captured"],
  ["free", "free after loading"],
  ["runtime", "set aside for the runtime"],
  ["availableKv", "KV memory"],
];

export function componentsOf(facts: LogFacts, measured: MeasuredStart | null): ExplainedComponent[] {
  if (measured === null)
    return bareLabels.flatMap(([name, label]) => {
      const logged = facts.figures[name];
      return logged === undefined ? [] : [{ name, label, logged, planned: null }];
    });
  const { planned, parts } = measured;
  const rows = planned.components.map(({ name, label, quantity }) => ({
    name,
    label,
    logged: loggedPart(facts, parts, name),
    planned: quantity,
  }));
  const { free } = facts.figures;
  return free === undefined
    ? rows
    : [...rows, { name: "free", label: "free after loading", logged: free, planned: null }];
}
