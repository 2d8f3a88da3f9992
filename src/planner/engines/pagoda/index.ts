/** @module The door for those who start an instance of our own engine: its options, its heap, and its memory plan. */
export { capBytesOf, type DeviceMemory } from "./memory/budget-inputs.ts";
export { planMemory } from "./memory/memory-plan.ts";
export { memoryOptions, optionGroups } from "./memory/options.ts";
export { heapCeilingMib, runtimeReservationBytes, semiSpaceMib } from "./memory/runtime.ts";
export { byDefault, type MemorySettings, resolveMemorySettings } from "./memory/settings.ts";
export type { MemoryPlan } from "./memory/stated-plan.ts";
