/**
 * @module The planner's door: what an engine will do with a model on a device, in bytes. Pure arithmetic; runs in a browser.
 *
 * @example
 * import { findDevice, modelNamed, plan } from "pagoda/planner";
 * const answer = plan({
 *   model: modelNamed("Qwen/Qwen2.5-7B-Instruct"), device: findDevice("RTX 4090"), usedBytes: 0,
 *   engine: "vllm", version: null, flags: { "gpu-memory-utilization": "0.9" }, usage: "serve",
 * });
 * console.log(answer.verdict.kind, answer.kv?.numTokens.expected);
 */

export { type CalibratedRequest, calibratedRequest } from "./calibrate/calibrate.ts";
export {
  type CalibrationEntry,
  type CalibrationStore,
  calibrationEntry,
  emptyCalibration,
  withEntry,
} from "./calibrate/calibration.ts";
export { draftModelNamed } from "./command/draft-name.ts";
export { commandText, shellCommands } from "./command/shell-words.ts";
export { parseStartCommand, type StartCommand, startsEngine, strayWord } from "./command/start-command.ts";
export { typedFlags } from "./command/typed-flags.ts";
export { type Arrangement, compareReplicas, compareSentence } from "./copies/compare.ts";
export { type CopyAnswer, planReplicas, type ReplicaPlan } from "./copies/replicas.ts";
export { type CardPlan, heldBytes, planInstances } from "./copies/starts-in-order.ts";
export { decodeTokensPerSecond } from "./copies/throughput.ts";
export { cpuDevice } from "./device/cpu-device.ts";
export { type Device, deviceOf, withTotal } from "./device/device.ts";
export { deviceNames, deviceOfSize, deviceOfTotal, findDevice, lookUpDevice } from "./device/find-device.ts";
export { engineRules, knownEngines, rulesOf } from "./engines/engines.ts";
export type { ExplainedComponent } from "./explain/components.ts";
export { type Explanation, explainLog } from "./explain/explanation.ts";
export { deviceOfLog, modelOfLog } from "./explain/identity.ts";
export { type ExplainContext, measuredStart } from "./explain/measured-start.ts";
export { enginesWithLogs, readLog } from "./explain/read-log.ts";
export { type LoadCapacity, loadCapacity } from "./load/load-capacity.ts";
export {
  isPercentiles,
  lengthsFrom,
  parseLengths,
  type RequestLength,
} from "./load/request-lengths.ts";
export type { LogFacts } from "./log/log-facts.ts";
export { catalogueModels, lookUpModel, modelNamed } from "./model/catalogue.ts";
export { type ConfigObject, parseConfigText } from "./model/config-fields.ts";
export type { ModelFacts } from "./model/facts.ts";
export { configOfGguf } from "./model/gguf-config.ts";
export { parseModelConfig } from "./model/parse-config.ts";
export { quantizationNamed } from "./model/parse-quantization.ts";
export type {
  CountRange,
  FlagValue,
  FlagValues,
  KvPlan,
  Plan,
  PlanComponent,
  PlanRequest,
  StoredTensorFacts,
  Suggestion,
  Verdict,
} from "./plan/plan.ts";
export { type Evidence, exact as exactQuantity, type Quantity } from "./quantity/quantity.ts";
export { planFewestCards, ranksFlag } from "./search/fewest-cards.ts";
export { plan } from "./search/plan.ts";
export { type FitAnswer, type FitResult, type FitWish, fitPlan } from "./search/search-flags.ts";
export type { Kept } from "./translate/match-pool.ts";
export { type Translation, translateStart } from "./translate/translate.ts";
