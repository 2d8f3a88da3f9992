/** @module Replaces the instances of a model one after another by ones of another plan, so that no request fails meanwhile. */
import { PagodaError } from "../../core/errors.ts";
import type { SupervisedInstance } from "../instances/supervised-instance.ts";
import type { FleetModel, ModelPlan } from "../models/fleet-model.ts";

/**
 * A new instance is started before an old one is drained, where memory allows; else after. Requests wait at the router while
 * there is no instance. A new instance that does not become ready ends the roll: the old plan comes back.
 * @throws PagodaError `engine_failed` with the reason, after everything is as it was.
 */
export async function rollOut(model: FleetModel, next: ModelPlan): Promise<void> {
  const previous = model.planned;
  const old = [...model.live];
  const fresh: SupervisedInstance[] = [];
  // One that sleeps would wake as it was.
  await Promise.all(model.sleeping.map((sleeper) => model.stopOne(sleeper, "it is replaced")));
  model.replan(next);
  try {
    for (const instance of old) await replace(model, instance, fresh);
  } catch (thrown) {
    model.replan(previous);
    await Promise.all(fresh.map((instance) => model.stopOne(instance, "the roll is taken back")));
    await startUpTo(model, old.length);
    const reason = thrown instanceof PagodaError ? thrown.message : String(thrown);
    throw new PagodaError(
      "engine_failed",
      `The roll of ${model.name} was taken back: ${reason.replace(/\.$/, "")}.`,
      {
        hint: `The old instances serve; change models.${model.name} and apply again.`,
        cause: thrown,
      },
    );
  }
}

async function replace(
  model: FleetModel,
  old: SupervisedInstance,
  fresh: SupervisedInstance[],
): Promise<void> {
  let started = startIfRoom(model);
  const isNewFirst = started !== null;
  if (started === null) {
    await model.stopOne(old, "it is replaced");
    started = model.startOne().instance;
  }
  fresh.push(started);
  await untilSettled(model, started);
  if (started.state !== "ready") throw notReady(started);
  if (isNewFirst) await model.stopOne(old, "it was replaced");
}

function notReady({ instanceId, state, reason }: SupervisedInstance): PagodaError {
  return new PagodaError(
    "engine_failed",
    `${instanceId} is ${state}, because ${reason.replace(/\.$/, "")}.`,
    {
      hint: "Change the model, then apply again.",
    },
  );
}

/** null where no device has room beside what runs. */
function startIfRoom(model: FleetModel): SupervisedInstance | null {
  try {
    return model.startOne().instance;
  } catch (thrown) {
    if (thrown instanceof PagodaError && thrown.code === "memory_too_small") return null;
    throw thrown;
  }
}

const never = new AbortController().signal;
const lookEveryMs = 50;

/** Until it is ready, or has ended once. */
async function untilSettled(model: FleetModel, instance: SupervisedInstance): Promise<void> {
  while (instance.state === "waiting" || instance.state === "starting") {
    const change = model.readiness.change(lookEveryMs, never);
    // Where another instance is ready, nothing is waited for there.
    await Promise.all([change, new Promise((wake) => setTimeout(wake, lookEveryMs))]);
  }
}

/** Starts instances until there are so many, and waits for each. */
export async function startUpTo(model: FleetModel, numInstances: number): Promise<void> {
  while (model.live.length < numInstances) {
    const { instance } = model.startOne();
    await untilSettled(model, instance);
    if (instance.state === "failed") return;
  }
}
