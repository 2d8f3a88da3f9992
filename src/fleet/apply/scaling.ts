/** @module More or fewer instances of a model. */
import type { FleetModel } from "../models/fleet-model.ts";
import { startUpTo } from "./rollout.ts";

/** Those with the fewest requests go first. @throws PagodaError `memory_too_small` where there is no room for more. */
export async function scaleTo(model: FleetModel, numInstances: number, reason: string): Promise<void> {
  const surplus = model.live
    .toSorted((a, b) => model.router.numOpen(a.instanceId) - model.router.numOpen(b.instanceId))
    .slice(0, Math.max(0, model.live.length - numInstances));
  await Promise.all(surplus.map((instance) => model.stopOne(instance, reason)));
  await startUpTo(model, numInstances);
}
