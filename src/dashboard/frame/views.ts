/** @module The views of the page. Each but the first is loaded when it is first opened. */
import type { ComponentType } from "preact";
import { DevicesPanel } from "../panels/devices/devices-panel.tsx";

export const viewNames = ["devices", "instances", "what-if"] as const;
export type ViewName = (typeof viewNames)[number];

export function viewOf(name: string | undefined): ViewName {
  return viewNames.find((view) => view === name) ?? "devices";
}

export const loadView: Readonly<Record<ViewName, () => Promise<ComponentType> | ComponentType>> = {
  devices: () => DevicesPanel,
  instances: async () => (await import("../panels/instances/instances-panel.tsx")).InstancesPanel,
  "what-if": async () => (await import("../panels/what-if/what-if-panel.tsx")).WhatIfPanel,
};
