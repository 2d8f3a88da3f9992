/** @module From the fleet that runs to the one that a file states: the steps, in the order in which they are taken. */
import { isDeepStrictEqual } from "node:util";
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { FleetSpec, ModelSpec } from "../desired/fleet-spec.ts";
import type { ModelPlan } from "../models/fleet-model.ts";

export type ApplyStep =
  | { readonly kind: "remove"; readonly model: string; readonly text: string }
  | { readonly kind: "settings"; readonly model: string; readonly text: string }
  | { readonly kind: "roll"; readonly model: string; readonly text: string }
  | { readonly kind: "scale"; readonly model: string; readonly to: number; readonly text: string }
  | { readonly kind: "add"; readonly model: string; readonly text: string };

export interface RunningModel {
  readonly planned: ModelPlan;
  /** Instances that run or are on their way. */
  readonly numLive: number;
}

/** What a supervisor cannot change while it runs. @throws PagodaError `invalid_option` naming all that the file changes of it. */
export function assertChangeable(from: FleetSpec, to: FleetSpec): void {
  const fixed = [
    ["name", from.name, to.name],
    ["server.host", from.host, to.host],
    ["server.port", from.port, to.port],
    ["devices", from.devices, to.devices],
    ["keys", from.keys, to.keys],
    // The signal's own limit, and a flag of every instance that runs.
    ["limits.shutdown_grace", from.limits.shutdownGraceMs, to.limits.shutdownGraceMs],
    ["on_exit", from.onExit, to.onExit],
  ] as const;
  const changed = fixed
    .filter(([, before, after]) => !isDeepStrictEqual(before, after))
    .map(([name]) => name);
  const [first] = changed;
  if (first === undefined) return;
  const all = changed.join(" and ");
  const other = changed.length === 1 ? "another value" : "other values";
  throw new PagodaError("invalid_option", `The fleet runs with ${other} of ${all}.`, {
    param: first,
    hint: `Leave ${all} as ${changed.length === 1 ? "it is" : "they are"}, or run pagoda down and pagoda up.`,
  });
}

/** Settings of the whole fleet that take effect at once, a sentence each. */
export function settingSteps(from: FleetSpec, to: FleetSpec): string[] {
  const seconds = (ms: number): string => `${ms / 1000} s`;
  const count = String;
  const live = [
    ["placement", from.placement, to.placement, String, "instances that start from now on"],
    ["router.queue", from.router.mostWaiting, to.router.mostWaiting, count, "requests from now on"],
    ["router.wait", from.router.waitMs, to.router.waitMs, seconds, "requests from now on"],
    [
      "router.resume_streams",
      from.router.resumesStreams,
      to.router.resumesStreams,
      String,
      "requests from now on",
    ],
    ["limits.start", from.limits.startMs, to.limits.startMs, seconds, "instances that start from now on"],
    ["limits.stuck", from.limits.stuckMs, to.limits.stuckMs, seconds, "instances that start from now on"],
    [
      "limits.log_size",
      from.limits.logBytes,
      to.limits.logBytes,
      formatBytes,
      "instances that start from now on",
    ],
  ] as const;
  return live
    .filter(([, before, after]) => before !== after)
    .map(([name, before, after, text, whom]) => {
      const write = text as (value: number | string | boolean) => string;
      return `${name}: ${write(before)} → ${write(after)}, for ${whom}`;
    });
}

/** What gives memory back comes first, what takes it last. */
export function applySteps(
  running: ReadonlyMap<string, RunningModel>,
  wanted: readonly ModelPlan[],
): ApplyStep[] {
  const names = new Set(wanted.map(({ spec: { name } }) => name));
  const removed = [...running.keys()].filter((name) => !names.has(name));
  const kept = wanted.flatMap((plan) => {
    const known = running.get(plan.spec.name);
    return known === undefined ? [] : keptSteps(known, plan);
  });
  return [
    ...removed.map(
      (model): ApplyStep => ({ kind: "remove", model, text: `${model}: drain and stop all instances` }),
    ),
    ...kept.filter(({ kind }) => kind === "settings"),
    ...kept.filter((step) => step.kind === "scale" && step.to < (running.get(step.model)?.numLive ?? 0)),
    ...kept.filter(({ kind }) => kind === "roll"),
    ...kept.filter((step) => step.kind === "scale" && step.to > (running.get(step.model)?.numLive ?? 0)),
    ...wanted.filter(({ spec }) => !running.has(spec.name)).map(addStep),
  ];
}

function addStep({ spec, plan }: ModelPlan): ApplyStep {
  const { min } = spec.replicas;
  const each = formatBytes(plan.rankBytes * plan.numRanks);
  const text = min === 0 ? `start with the first request, ${each}` : `start ${min} × ${each}`;
  return { kind: "add", model: spec.name, text: `${spec.name}: ${text}` };
}

function keptSteps({ planned, numLive }: RunningModel, wanted: ModelPlan): ApplyStep[] {
  const model = wanted.spec.name;
  const scale = scaleStep(planned, wanted, numLive);
  const changed = changedFields(planned.spec, wanted.spec).filter(
    (field) => scale === null || field !== "replicas",
  );
  const steps: ApplyStep[] = scale === null ? [] : [scale];
  if (planned.plan.startHash !== wanted.plan.startHash && numLive > 0) {
    const instances = numLive === 1 ? "1 instance" : `${numLive} instances, one after another`;
    const why = changed.join(", ") || "what it is started with";
    steps.push({ kind: "roll", model, text: `${model}: replace ${instances} (${why})` });
  } else if (changed.length > 0)
    steps.push({ kind: "settings", model, text: `${model}: change ${changed.join(", ")}, no restart` });
  return steps;
}

/** null where as many run as are wanted; a model that is asleep stays so where it may. */
function scaleStep(planned: ModelPlan, { spec }: ModelPlan, numLive: number): ApplyStep | null {
  const { min, max } = spec.replicas;
  const isAsleep = numLive === 0 && (min === 0 || spec.ttlMs !== null);
  const target = Math.min(max, planned.spec.replicas.min === min ? Math.max(min, numLive) : min);
  if (target === numLive || isAsleep) return null;
  return {
    kind: "scale",
    model: spec.name,
    to: target,
    text: `${spec.name}: ${numLive} → ${target} instances`,
  };
}

function changedFields(before: ModelSpec, after: ModelSpec): (keyof ModelSpec)[] {
  const fields = Object.keys(after) as (keyof ModelSpec)[];
  return fields.filter((field) => !isDeepStrictEqual(before[field], after[field]));
}
