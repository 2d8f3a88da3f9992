/** @module A start-up log explained: what each component took, against what the planner computes, why it failed, what to change. */
import { PagodaError } from "../../core/errors.ts";
import type { Device } from "../device/device.ts";
import { planOrNull, planStart, rulesOf } from "../engines/engines.ts";
import type { FigureName, LogFacts } from "../log/log-facts.ts";
import type { ModelFacts } from "../model/facts.ts";
import { bytesOf } from "../plan/component.ts";
import { canonicalFlags } from "../plan/flags.ts";
import {
  deepFreeze,
  type FlagValues,
  type MeasuredBytes,
  type Plan,
  type PlanRequest,
  type Suggestion,
} from "../plan/plan.ts";
import type { Quantity } from "../quantity/quantity.ts";
import { type Cause, causeOf } from "./cause.ts";
import { smallestChanges } from "./changes.ts";
import { logRulesOf } from "./read-log.ts";
import type { MeasuredStart } from "./trial.ts";

/** What the log leaves open and the caller found. */
export interface ExplainContext {
  readonly model: ModelFacts | null;
  readonly device: Device | null;
  readonly version: string | null;
  /** Flags the caller states; they win over the log's. */
  readonly flags: FlagValues;
}

export interface ExplainedComponent {
  readonly name: string;
  readonly label: string;
  /** What the log states or implies; null where it does neither. */
  readonly logged: Quantity | null;
  readonly planned: Quantity | null;
}

export type StartOutcome = "started" | "refused" | "died" | "unknown";

export interface Explanation {
  readonly schema: "pagoda.explanation/1";
  readonly engine: string;
  readonly version: string | null;
  readonly runner: string | null;
  readonly model: string | null;
  readonly device: string | null;
  readonly outcome: StartOutcome;
  readonly engineMessage: string | null;
  readonly cause: Cause;
  readonly components: readonly ExplainedComponent[];
  readonly counts: LogFacts["counts"];
  readonly changes: readonly Suggestion[];
  readonly notes: readonly string[];
  /** The start as planned with the log's figures; null where model or device are unknown. */
  readonly plan: Plan | null;
}

const died: ReadonlySet<string> = new Set([
  "weights",
  "activations",
  "sampler",
  "graphCapture",
  "serving",
  "outOfMemory",
  "warmUpStall",
]);

function outcomeOf(facts: LogFacts): StartOutcome {
  if (facts.failure !== null) return died.has(facts.failure.kind) ? "died" : "refused";
  return facts.hasStarted ? "started" : "unknown";
}

/** The request that the log describes. */
function requestOfLog(facts: LogFacts, context: ExplainContext): PlanRequest | null {
  if (context.model === null || context.device === null) return null;
  const total = facts.figures.total;
  const device = total === undefined ? context.device : { ...context.device, total };
  const { title, flags } = rulesOf(facts.engine);
  return {
    model: context.model,
    device,
    usedBytes: 0,
    engine: facts.engine,
    version: context.version ?? facts.version ?? logRulesOf(facts.engine).likelyVersion(facts),
    flags: canonicalFlags(title, flags, { ...facts.flags, ...context.flags }),
    usage: "serve",
  };
}

/** What others hold, where the engine prints what is free before it loads, its own context already made. */
function usedBytes(facts: LogFacts, planned: Plan): number {
  const free = facts.figures.freeAtStart;
  if (free === undefined) return 0;
  return Math.max(0, planned.total.expectedBytes - free.expectedBytes - bytesOf(planned, "runtime"));
}

/** The start as logged with what was measured of it; null where it cannot be planned at all. */
export function measuredStart(facts: LogFacts, context: ExplainContext): MeasuredStart | null {
  const bare = requestOfLog(facts, context);
  const first = bare === null ? null : planOrNull(bare);
  if (bare === null || first === null) return null;
  const request = { ...bare, usedBytes: usedBytes(facts, first) };
  const planned = planOrNull(request) ?? first;
  return { request, planned, parts: logRulesOf(facts.engine).measuredBytes(facts, planned) };
}

const figureOf: Readonly<Record<string, FigureName>> = {
  weights: "weights",
  persistent: "persistent",
  activations: "activations",
  graphs: "graphs",
  kvPool: "availableKv",
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
  ["graphs", "CUDA graphs"],
  ["capturedGraphs", "CUDA graphs, captured"],
  ["free", "free after loading"],
  ["runtime", "set aside for the runtime"],
  ["availableKv", "KV memory"],
];

function componentsOf(facts: LogFacts, measured: MeasuredStart | null): ExplainedComponent[] {
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

/** What the planner itself finds wrong with the flags, and what to write instead; null where it finds nothing. */
function refusalOf(facts: LogFacts, context: ExplainContext): string | null {
  const request = requestOfLog(facts, context);
  if (request === null) return null;
  try {
    planStart(request);
    return null;
  } catch (error) {
    if (error instanceof PagodaError) return [error.message, error.hint ?? ""].join(" ").trim();
    throw error;
  }
}

/**
 * Explains a log. Without a model or a device only what the log itself states is told, and no change can be tried.
 */
export function explainLog(facts: LogFacts, context: ExplainContext): Explanation {
  const measured = measuredStart(facts, context);
  const answer = measured === null ? null : planOrNull({ ...measured.request, measured: measured.parts });
  const notes = [...facts.notes];
  if (context.model === null)
    notes.push("The log names no model that is known: give --model to have changes tried.");
  if (context.device === null) notes.push("The log names no card: give --gpu to have changes tried.");
  const refusal = measured === null ? refusalOf(facts, context) : null;
  if (refusal !== null) notes.push(refusal);
  if (facts.version === null && context.version === null)
    notes.push(
      `The log states no version of the engine: the rules of ${logRulesOf(facts.engine).likelyVersion(facts) ?? "the newest"} were taken. Give --engine NAME@VERSION.`,
    );
  return deepFreeze({
    schema: "pagoda.explanation/1",
    engine: facts.engine,
    version: context.version ?? facts.version,
    runner: facts.runner,
    model: context.model?.name ?? facts.model,
    device: context.device?.name ?? facts.gpu,
    outcome: outcomeOf(facts),
    engineMessage: facts.failure?.message ?? null,
    cause: causeOf(logRulesOf(facts.engine), facts, answer),
    components: componentsOf(facts, measured),
    counts: facts.counts,
    changes: measured === null ? [] : smallestChanges(logRulesOf(facts.engine), facts, measured),
    notes,
    plan: answer,
  });
}
