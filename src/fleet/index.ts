/** @module The door of the fleet: what a fleet file says, what it takes, and the instances behind one router. */

export type { FleetSpec, MemorySpec, ModelSpec } from "./desired/fleet-spec.ts";
export { readFleetFile, resolvedFleetDocument } from "./desired/read-fleet-file.ts";
export type { FleetDevice } from "./devices/device.ts";
export { DeviceReadings, findDevices, processorsNow } from "./devices/find-devices.ts";
export type { EngineDriver } from "./drivers/contract/driver.ts";
export type { EngineStart } from "./drivers/contract/engine-start.ts";
export { drivenEngines, driverOf } from "./drivers/drivers.ts";
export { JoinedNodes } from "./drivers/nodes/joined-nodes.ts";
export { ProxyMembership } from "./drivers/nodes/proxy-membership.ts";
export type { Fleet, FleetDoor } from "./fleet.ts";
export type { InstanceEvent } from "./instances/instance-parts.ts";
export { bootId, endStrays, forgetAllBut } from "./left-processes.ts";
export { type ManagedFleet, openFleet } from "./managed-fleet.ts";
export { planFleet } from "./planning/fleet-plan.ts";
export type { InstancePlan, InstancePlanner } from "./planning/instance-plan.ts";
export { replicatedFleet } from "./replicas.ts";
export { tryLock } from "./store/exclusive-lock.ts";
export { FleetStore } from "./store/fleet-store.ts";
export {
  deviceLockPath,
  type FleetFolder,
  fleetFolder,
  knownFleets,
  makeFleetFolder,
} from "./store/state-folder.ts";
