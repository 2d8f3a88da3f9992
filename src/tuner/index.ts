/** @module The door of the room: settings for a goal, simulated and measured. */
export { goalFrom } from "./options/goal-options.ts";
export { setUp } from "./search/setup.ts";
export { type SimulationReport, simulateSettings } from "./search/simulate-settings.ts";
export { liveKnobs } from "./space/knobs.ts";
