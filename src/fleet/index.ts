/** @module The door of the fleet: instances behind one router, and the ledger of their bytes. */

export type { EngineDriver } from "./drivers/contract/driver.ts";
export { driverOf } from "./drivers/drivers.ts";
export type { Fleet } from "./fleet.ts";
export type { InstanceEvent } from "./instances/supervised-instance.ts";
export { replicatedFleet } from "./replicas.ts";
export { FleetEndpoint } from "./router/fleet-endpoint.ts";
