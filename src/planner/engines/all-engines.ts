/** @module The list of the engines. In the bundle of the dashboard, `page-engines.ts` takes its place (scripts/build-dashboard.ts). */
import type { EngineRules } from "../rules/engine-rules.ts";
import { llamaServerRules } from "./llama-server/rules.ts";
import { lmdeployRules } from "./lmdeploy/rules.ts";
import { pagodaRules } from "./pagoda/rules.ts";
import { sglangRules } from "./sglang/rules.ts";
import { vllmRules } from "./vllm/rules.ts";

export const allEngines: readonly EngineRules[] = [
  vllmRules,
  lmdeployRules,
  sglangRules,
  llamaServerRules,
  pagodaRules,
];
