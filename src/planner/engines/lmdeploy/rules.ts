/** @module LMDeploy: which of its three memory rules applies, and what to change when it does not fit. */
import {
  deepFreeze,
  type EngineRules,
  type FlagValues,
  type Plan,
  type PlanRequest,
} from "../../plan/plan.ts";
import { type FlagChange, withSuggestions } from "../../search/suggestions.ts";
import { planPytorch } from "./plan/pytorch.ts";
import { lmdeployStart } from "./plan/start.ts";
import { planTurbomind } from "./plan/turbomind.ts";
import { planLegacy } from "./plan/turbomind-legacy.ts";
import { lmdeployFlags } from "./settings/flag-table.ts";
import { newestLmdeploy } from "./settings/settings.ts";

const rules = { turbomindSlab: planTurbomind, turbomindLegacy: planLegacy, pytorch: planPytorch } as const;

function planStart(request: PlanRequest): Plan {
  const start = lmdeployStart(request);
  return rules[start.settings.rule](start, request);
}

function changed(flags: FlagValues, added: FlagValues, why: string): FlagChange {
  return {
    flags: { ...flags, ...added },
    added: Object.entries(added).map(([name, value]) => `--${name} ${value}`),
    why,
  };
}

/** Activation headroom first: it, not KV, is what near-full cards lack. */
function candidates(request: PlanRequest, plan: Plan): FlagChange[] {
  const { flags } = request;
  const batch = Number(plan.settings["max-batch-size"]?.value ?? 128);
  const found: FlagChange[] = [];
  for (const [prefill, size] of [
    [2048, 16],
    [1024, 8],
    [512, 4],
  ] as const)
    found.push(
      changed(
        flags,
        { "max-prefill-token-num": String(prefill), "max-batch-size": String(Math.min(size, batch)) },
        "smaller activations in the warm-up",
      ),
    );
  for (const share of ["0.6", "0.4", "0.2"])
    found.push(
      changed(flags, { "cache-max-entry-count": share }, "a smaller KV region leaves room for activations"),
    );
  found.push(
    changed(
      flags,
      { "cache-max-entry-count": "0.2", "max-prefill-token-num": "512", "max-batch-size": "4" },
      "both",
    ),
  );
  for (const ranks of ["2", "4", "8"])
    found.push(changed(flags, { tp: ranks }, `the weights over ${ranks} cards`));
  return found;
}

export const lmdeployRules: EngineRules = {
  id: "lmdeploy",
  newestVersion: newestLmdeploy,
  flags: lmdeployFlags,
  command: {
    starts: [
      ["lmdeploy", "serve", "api_server"],
      ["lmdeploy", "chat"],
    ],
    images: [/(^|\/)lmdeploy(:|@|$)/],
    example: "lmdeploy serve api_server MODEL --session-len 8192",
  },
  plan: (request) => deepFreeze(withSuggestions(request, planStart(request), planStart, candidates)),
};
