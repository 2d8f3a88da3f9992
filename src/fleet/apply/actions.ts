/** @module What a person does to a model or an instance by hand: the same for commands and routes. */
import type { FleetAction } from "../../api/admin/fleet.ts";
import { PagodaError } from "../../core/errors.ts";
import type { SupervisedInstance } from "../instances/supervised-instance.ts";
import type { FleetModel } from "../models/fleet-model.ts";
import { rollOut, startUpTo } from "./rollout.ts";
import { scaleTo } from "./scaling.ts";

export interface Target {
  readonly model: FleetModel;
  /** null: the whole model. */
  readonly instance: SupervisedInstance | null;
}

/** @throws PagodaError `invalid_request`, `memory_too_small`, `engine_failed`. */
export async function actOn(target: Target, action: FleetAction, replicas: number | null): Promise<void> {
  const { model, instance } = target;
  if (instance !== null && action !== "drain" && action !== "restart")
    throw new PagodaError(
      "invalid_request",
      `${instance.instanceId} is an instance, and ${action} is for models.`,
      {
        param: "name",
        hint: `Use ${model.name}.`,
      },
    );
  switch (action) {
    case "drain":
      return drain(target);
    case "restart":
      return restart(target);
    case "sleep":
      return model.sleepAll("it was put to sleep");
    case "wake":
      model.isHeld = false;
      return startUpTo(model, Math.max(1, model.planned.spec.replicas.min));
    case "scale":
      return scale(model, replicas ?? 1);
  }
}

/** It stays stopped until it is restarted or woken; without its instances, requests are refused. */
async function drain({ model, instance }: Target): Promise<void> {
  if (instance !== null) return model.stopOne(instance, "it was drained");
  model.isHeld = true;
  await model.stopAll("it was drained");
}

async function restart({ model, instance }: Target): Promise<void> {
  model.isHeld = false;
  const { min } = model.planned.spec.replicas;
  await Promise.all(model.sleeping.map((sleeper) => model.stopOne(sleeper, "it is restarted")));
  if (instance === null) await rollOut(model, model.planned);
  else await model.stopOne(instance, "it is restarted");
  await startUpTo(model, Math.max(min, 1));
}

async function scale(model: FleetModel, replicas: number): Promise<void> {
  model.isHeld = false;
  const { spec, plan } = model.planned;
  model.replan({
    spec: { ...spec, replicas: { min: replicas, max: Math.max(replicas, spec.replicas.max, 1) } },
    plan,
  });
  await scaleTo(model, replicas, "it is scaled down");
}
