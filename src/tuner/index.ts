/** @module The door of the room: settings for a goal, simulated and measured. */
export { describeGoal } from "./goal/goal.ts";
export { goalFrom } from "./options/goal-options.ts";
export { type TuneReport, tuneReport } from "./report/tune-report.ts";
export { prepareReportFolder, writeReport } from "./report/write-report.ts";
export { setUp } from "./search/setup.ts";
export { type SimulationReport, simulateSettings } from "./search/simulate-settings.ts";
export { tune } from "./search/tune.ts";
export { flagsText } from "./space/candidates.ts";
export { liveKnobs } from "./space/knobs.ts";
export { liveChange } from "./space/live-change.ts";
export { serveWords } from "./space/serve-words.ts";
