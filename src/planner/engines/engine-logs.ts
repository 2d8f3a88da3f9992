/** @module The engines whose logs are read. Apart from their other rules, so that a browser that only plans loads none of it. */
import type { LogRules } from "../rules/engine-rules.ts";
import { llamaServerLog } from "./llama-server/log/log-rules.ts";
import { lmdeployLog } from "./lmdeploy/log/log-rules.ts";
import { sglangLog } from "./sglang/log/log-rules.ts";
import { vllmLog } from "./vllm/log/log-rules.ts";

/** By the id of the engine; the first one wins where a text could be of two. */
export const engineLogs: ReadonlyMap<string, LogRules> = new Map([
  ["vllm", vllmLog],
  ["lmdeploy", lmdeployLog],
  ["sglang", sglangLog],
  ["llama-server", llamaServerLog],
]);
