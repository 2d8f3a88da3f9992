/** @module What helps an LMDeploy start that does not get through. Activation headroom comes first: near-full cards lack it, not KV. */
import type { Remedy } from "../../plan/change.ts";
import type { FailureKind } from "../../plan/failure.ts";
import type { Shortfall } from "../../rules/engine-rules.ts";
import {
  halves,
  hundredths,
  moreRanks,
  settingOf,
  shorterLengths,
  stepsOf,
} from "../../rules/step-values.ts";

const leastShare = 0.01;
const mostShare = 0.98;
const leastTokens = 128;

const shareOf = ({ planned }: Shortfall): number => settingOf(planned, "cache-max-entry-count", 0.8);
const prefillOf = ({ planned }: Shortfall): number => settingOf(planned, "max-prefill-token-num", 8192);

const remedies = {
  prefillAndBatch: (shortfall) => {
    const prefill = prefillOf(shortfall);
    const batch = settingOf(shortfall.planned, "max-batch-size", 128);
    return {
      steps: halves(prefill, leastTokens).map((tokens) => ({
        flags: {
          "max-prefill-token-num": String(tokens),
          "max-batch-size": String(Math.max(1, Math.floor((batch * tokens) / prefill))),
        },
      })),
      why: "smaller activations in the warm-up",
    };
  },
  prefill: (shortfall) => ({
    steps: stepsOf("max-prefill-token-num", halves(prefillOf(shortfall), leastTokens)),
    why: "a smaller forward pass",
  }),
  batch: ({ planned }) => ({
    steps: stepsOf("max-batch-size", halves(settingOf(planned, "max-batch-size", 128), 1)),
    why: "fewer sequences",
  }),
  lessShare: (shortfall) => ({
    steps: stepsOf("cache-max-entry-count", hundredths(shareOf(shortfall), leastShare)),
    why: "a smaller KV region leaves more for activations",
  }),
  moreShare: (shortfall) => ({
    steps: stepsOf("cache-max-entry-count", hundredths(shareOf(shortfall), mostShare)),
    why: "a larger KV region",
  }),
  kvDtype: () => ({ steps: stepsOf("quant-policy", ["int8", "int4"]), why: "KV in fewer bits" }),
  length: ({ planned }) => ({
    steps: stepsOf("session-len", shorterLengths(settingOf(planned, "session-len", 32768))),
    why: "shorter sessions",
  }),
  ranks: ({ planned }) => ({
    steps: moreRanks(planned, "tp"),
    why: "the weights and the KV over more cards",
  }),
} as const satisfies Record<string, (shortfall: Shortfall) => Remedy>;

type RemedyName = keyof typeof remedies;

const orders: Readonly<Partial<Record<FailureKind, readonly RemedyName[]>>> = {
  activations: ["prefillAndBatch", "prefill", "lessShare", "ranks"],
  warmUpStall: ["prefill", "kvDtype", "moreShare", "ranks"],
  weights: ["ranks"],
  noKvMemory: ["prefill", "batch", "moreShare", "kvDtype", "ranks"],
  runtimeReserve: ["prefill", "batch", "ranks"],
  stateCache: ["batch", "ranks"],
  serving: ["kvDtype", "moreShare", "length"],
};
const rest: readonly RemedyName[] = [
  "prefillAndBatch",
  "prefill",
  "lessShare",
  "kvDtype",
  "moreShare",
  "ranks",
];

/** Those of the failure first, then the others. */
export function lmdeployRemedies(shortfall: Shortfall): Remedy[] {
  const first = (shortfall.failure === null ? undefined : orders[shortfall.failure]) ?? [];
  return [...new Set([...first, ...rest])].map((name) => remedies[name](shortfall));
}
