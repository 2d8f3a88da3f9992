/** @module The door of the exports: a planned fleet as files of other supervisors. */
export type { ExportedFile } from "./fleet/documents.ts";
export { engineFacts, isOwnEngine } from "./fleet/engine-facts.ts";
export type { ExportedFleet, ExportedModel, SharedDevice } from "./fleet/exported-fleet.ts";
export { hiddenVariables } from "./fleet/hidden-variables.ts";
export { isKubernetesStyle, kubernetesFiles } from "./kubernetes/manifests.ts";
export { composeFiles } from "./machine/compose.ts";
export { ownFleetFile } from "./machine/own-fleet-file.ts";
export { unitFiles } from "./machine/systemd.ts";
