/** @module The door of the room: settings for a goal, simulated and measured. */

export { capBytesOf } from "../planner/engines/pagoda/index.ts";
export { restartedEngine, serverKnobs, valueIn } from "./engines/restarted-engines.ts";
export { describeGoal } from "./goal/goal.ts";
export { goalFrom } from "./options/goal-options.ts";
export { trafficSource } from "./options/load-options.ts";
export { type TuneReport, tuneReport } from "./report/tune-report.ts";
export { tuningRun } from "./report/tuning-run.ts";
export { prepareReportFolder, writeReport } from "./report/write-report.ts";
export { setUp } from "./search/setup.ts";
export { type SimulationReport, simulateSettings } from "./search/simulate-settings.ts";
export { tune } from "./search/tune.ts";
export {
  compareLayouts,
  type LayoutInputs,
  type LayoutResult,
  layoutMemory,
  layoutVerdict,
} from "./servers/compare-instances.ts";
export { tuneServers } from "./servers/tune-servers.ts";
export { flagsText } from "./space/candidates.ts";
export { liveKnobs, parseKnobs } from "./space/knobs.ts";
export { threadsOf } from "./space/layout.ts";
export { liveChange } from "./space/live-change.ts";
export { serveWords } from "./space/serve-words.ts";
export { ordinaryTokens } from "./traffic/token-source.ts";
export { warmUpTraffic } from "./trial/calibration-traffic.ts";
export type { Action as WatchAction, WindowObservation } from "./watch/watch.ts";
export { watchServer } from "./watch/watch-server.ts";
