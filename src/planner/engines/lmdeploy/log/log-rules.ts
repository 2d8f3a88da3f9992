/** @module How LMDeploy's start-up output is understood. */
import type { LogRules } from "../../../rules/engine-rules.ts";
import { lmdeployCause } from "./cause.ts";
import { legacyRunner } from "./log-lines.ts";
import { lmdeployMeasuredBytes } from "./measured-bytes.ts";
import { readLmdeployLog } from "./read-log.ts";

const marks =
  /\blmdeploy\b|LMDeploy|\[TM\]|turbomind|Turbomind|TurboMind|BlockManager|Object cache budget|slab_size \d|session_len|cache_max_entry_count|enough gpu memory|gpu memory: \d+ mb/;

export const lmdeployLog: LogRules = {
  marks,
  read: readLmdeployLog,
  likelyVersion: ({ runner }) => (runner === legacyRunner ? "0.14.0" : null),
  measuredBytes: lmdeployMeasuredBytes,
  cause: (failure, _facts, plan) => (plan === null ? [] : lmdeployCause(failure, plan)),
  getsPast: (failure, changed) =>
    failure !== "serving" ||
    (changed.kv?.numTokens.low ?? 0) >= Number(changed.settings["session-len"]?.value ?? 0),
};
