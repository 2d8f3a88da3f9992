/** @module What the observatory tells: `/admin/snapshot`, `/admin/events`, `/admin/history`, `/admin/settings`. */
export { type BindingLimitReport, type LimitName, limitNames } from "./binding-limit.ts";
export { applyDelta, type Delta, deltaBetween } from "./delta.ts";
export { type AdminEvent, type AdminEventKind, adminEventSchema } from "./events.ts";
export {
  type HistoryAnswer,
  type HistoryQuestion,
  historyColumns,
  historySchema,
  parseHistoryQuestion,
} from "./history.ts";
export type {
  InstanceRates,
  InstanceSnapshot,
  InstanceSteps,
  SequenceView,
} from "./instance.ts";
export {
  type LatencyName,
  type LatencyWindow,
  latencyNames,
  latencyWindowSeconds,
  type Percentiles,
  recentWindowSeconds,
} from "./latency.ts";
export { type LogLine, type LogsAnswer, logsSchema, parseLogsQuestion } from "./logs.ts";
export { type InstanceCurve, type PrefixCurveAnswer, prefixCurveSchema } from "./prefix-curve.ts";
export {
  parseSettingsChange,
  type RouterSettings,
  runtimeConfig,
  type SettingsAnswer,
  type SettingsChange,
  type SettingsState,
  settingNamed,
  settingNames,
  settingsAnswerSchema,
} from "./settings.ts";
export { type DeviceHolder, type DeviceSnapshot, type Snapshot, snapshotSchema } from "./snapshot.ts";
export { type TrafficAnswer, trafficColumns, trafficSchema } from "./traffic.ts";
export { type TuningAnswer, type TuningRun, tuningRunSchema, tuningSchema } from "./tuning.ts";
