/** @module The views of the page. Each but the first is loaded when it is first opened. */
import type { ComponentType } from "preact";
import { DevicesPanel } from "../panels/devices/devices-panel.tsx";

export const viewNames = [
  "devices",
  "instances",
  "memory",
  "what-if",
  "settings",
  "try",
  "events",
  "tuning",
] as const;
export type ViewName = (typeof viewNames)[number];

export function viewOf(name: string | undefined): ViewName {
  return viewNames.find((view) => view === name) ?? "devices";
}

export const loadView: Readonly<Record<ViewName, () => Promise<ComponentType> | ComponentType>> = {
  devices: () => DevicesPanel,
  instances: async () => (await import("../panels/instances/instances-panel.tsx")).InstancesPanel,
  memory: async () => (await import("../panels/memory/memory-panel.tsx")).MemoryPanel,
  settings: async () => (await import("../panels/settings/settings-panel.tsx")).SettingsPanel,
  try: async () => (await import("../panels/try/try-panel.tsx")).TryPanel,
  events: async () => (await import("../panels/events/events-panel.tsx")).EventsPanel,
  tuning: async () => (await import("../panels/tuning/tuning-panel.tsx")).TuningPanel,
  "what-if": async () => (await import("../panels/what-if/what-if-panel.tsx")).WhatIfPanel,
};
