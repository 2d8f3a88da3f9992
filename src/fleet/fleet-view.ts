/** @module What `/admin/fleet` and `pagoda ps` show of a fleet. */
import type { FleetEventView, FleetInstance, FleetModelView, FleetView } from "../api/admin/fleet.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { FleetModel } from "./models/fleet-model.ts";

export interface ViewedFleet {
  readonly name: string;
  readonly models: readonly FleetModel[];
  readonly ledger: Ledger;
  readonly events: readonly FleetEventView[];
}

export function fleetView({ name, models, ledger, events }: ViewedFleet): FleetView {
  return {
    schema: "pagoda.fleet/2",
    name,
    models: models.map(modelView),
    instances: models.flatMap(instanceViews),
    devices: ledger.devices(),
    events,
  };
}

function modelView(model: FleetModel): FleetModelView {
  const { spec } = model.planned;
  return {
    name: model.name,
    aliases: spec.aliases,
    engine: spec.version === null ? spec.engine : `${spec.engine}@${spec.version}`,
    state: model.state,
    failure: model.state === "failed" ? model.failure : null,
    replicas: spec.replicas,
    pinned: spec.pinned,
    numWaiting: model.numPending + model.router.numWaiting,
    idleMs: Math.round(model.idleMs),
  };
}

function instanceViews(model: FleetModel): FleetInstance[] {
  return model.instances.map(({ instanceId, state, reason, pid, port, demands, startMs }) => ({
    instanceId,
    model: model.name,
    state,
    reason,
    pid,
    port,
    deviceIds: demands.map(({ deviceId }) => deviceId),
    numOpen: model.router.numOpen(instanceId),
    startMs: startMs === null ? null : Math.round(startMs),
  }));
}
