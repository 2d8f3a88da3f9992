/** @module The start that a log describes, as a request of the planner, with what the log measured of it. */
import type { Device } from "../device/device.ts";
import { planOrNull, rulesOf } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import type { ModelFacts } from "../model/facts.ts";
import { bytesOf } from "../plan/component.ts";
import { canonicalFlags } from "../plan/flags.ts";
import type { FlagValues, Plan, PlanRequest } from "../plan/plan.ts";
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

/** The request that the log describes. */
export function requestOfLog(facts: LogFacts, context: ExplainContext): PlanRequest | null {
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

/** Failures that what others hold explains: nvidia-smi beside such a log shows what was there before the start. */
const explainedByOthers: ReadonlySet<string> = new Set(["noKvMemory", "freeMemoryAtStart", "context"]);

/** What nvidia-smi shows as held beside a start that ended for want of memory; 0 where it shows nothing of that. */
export function heldByOthers({ failure, cards }: LogFacts): number {
  if (failure === null || !explainedByOthers.has(failure.kind)) return 0;
  return cards.find(({ usedBytes: used }) => used !== null)?.usedBytes ?? 0;
}

/** What others hold, where the engine prints what is free before it loads, its own context already made. */
function usedBytes(facts: LogFacts, planned: Plan): number {
  const free = facts.figures.freeAtStart;
  if (free === undefined) return heldByOthers(facts);
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
