/** @module The door for those who start an instance of our own engine: its options, its heap, and its memory plan. */
export { capBytesOf, type DeviceMemory } from "./budget-inputs.ts";
export { planMemory } from "./memory-plan.ts";
export { memoryOptions, optionGroups } from "./options.ts";
export { heapCeilingMib, runtimeReservationBytes, semiSpaceMib } from "./runtime.ts";
export { byDefault, type MemorySettings, resolveMemorySettings } from "./settings.ts";
export type { MemoryPlan } from "./stated-plan.ts";
