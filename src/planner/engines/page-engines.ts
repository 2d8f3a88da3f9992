/** @module The engines that the dashboard plans: one of each that runs on cards or on processors alone. */
import type { EngineRules } from "../rules/engine-rules.ts";
import { lmdeployRules } from "./lmdeploy/rules.ts";
import { pagodaRules } from "./pagoda/rules.ts";
import { sglangRules } from "./sglang/rules.ts";
import { vllmRules } from "./vllm/rules.ts";

export const allEngines: readonly EngineRules[] = [vllmRules, lmdeployRules, sglangRules, pagodaRules];
