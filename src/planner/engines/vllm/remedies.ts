/** @module What helps a vLLM start that does not get through, likeliest first, each from its mildest value to its hardest. */
import { gib } from "../../../core/byte-size.ts";
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

/** The largest share whose bytes are free when the engine starts. */
function largestShare({ planned, request }: Shortfall): number {
  const total = planned.total.expectedBytes;
  const runtime = planned.components.find(({ name }) => name === "runtime");
  // Where the share holds the whole device, only what no budget counts must stay outside it.
  const outside = planned.components.filter(({ isBudgeted }) => !isBudgeted);
  const kept = outside.reduce((sum, { quantity }) => sum + quantity.highBytes, 0);
  if (runtime?.isBudgeted === true) return Math.floor(((total - kept) / total) * 100) / 100;
  const context = runtime?.quantity.highBytes ?? 0;
  return Math.floor(((total - context - request.usedBytes) / total) * 100) / 100;
}

const leastShare = 0.05;
const leastSequences = 8;
const leastTokens = 256;

const remedies = {
  length: ({ planned, suggestedLength }) => {
    const length = settingOf(planned, "max-model-len", 0);
    const suggested = suggestedLength === null ? [] : [suggestedLength];
    const values = [...suggested, ...shorterLengths(length)].filter((value) => value < length);
    return { steps: stepsOf("max-model-len", values), why: "shorter requests" };
  },
  moreShare: (shortfall) => {
    const now = settingOf(shortfall.planned, "gpu-memory-utilization", 0.9);
    const most = largestShare(shortfall);
    return {
      steps: most > now ? stepsOf("gpu-memory-utilization", hundredths(now, most)) : [],
      why: "a larger share of the card",
    };
  },
  lessShare: ({ planned }) => ({
    steps: stepsOf(
      "gpu-memory-utilization",
      hundredths(settingOf(planned, "gpu-memory-utilization", 0.9), leastShare),
    ),
    why: "a share that is free",
  }),
  // Before Ada a card has no fp8; 0: another vendor's.
  kvDtype: ({ request: { device } }) => ({
    steps:
      device.computeCapability > 0 && device.computeCapability < 8.9
        ? []
        : stepsOf("kv-cache-dtype", ["fp8"]),
    why: "KV at one byte a number",
  }),
  sequences: ({ planned }) => ({
    steps: stepsOf("max-num-seqs", halves(settingOf(planned, "max-num-seqs", 256), leastSequences)),
    why: "a smaller sampler peak and fewer graphs",
  }),
  tokens: ({ planned }) => ({
    steps: halves(settingOf(planned, "max-num-batched-tokens", 2048), leastTokens).map((count) => ({
      flags: {
        "max-num-batched-tokens": String(count),
        ...(settingOf(planned, "max-num-seqs", 256) > count ? { "max-num-seqs": String(count) } : {}),
      },
    })),
    why: "a smaller forward pass in the profile run",
  }),
  eager: () => ({ steps: [{ flags: { "enforce-eager": true } }], why: "no CUDA graphs" }),
  offload: ({ planned }) => {
    const weights = planned.components.find(({ name }) => name === "weights")?.quantity;
    const most = Math.max(0, Math.floor((weights?.expectedBytes ?? 0) / gib));
    return {
      steps: stepsOf(
        "cpu-offload-gb",
        Array.from({ length: most }, (_, at) => at + 1),
      ),
      why: "part of the weights in host memory, at the price of speed",
    };
  },
  ranks: ({ planned }) => ({
    steps: moreRanks(planned, "tensor-parallel-size"),
    why: "the weights and the KV over more cards",
  }),
} as const satisfies Record<string, (shortfall: Shortfall) => Remedy>;

type RemedyName = keyof typeof remedies;

const orders: Readonly<Partial<Record<FailureKind, readonly RemedyName[]>>> = {
  freeMemoryAtStart: ["lessShare", "ranks"],
  neighbourFreed: [],
  requestTooLong: ["length", "moreShare", "kvDtype", "sequences", "eager", "ranks"],
  noKvMemory: ["moreShare", "sequences", "tokens", "eager", "offload", "ranks", "kvDtype"],
  context: ["ranks"],
  weights: ["ranks", "offload"],
  repacking: ["ranks", "offload"],
  activations: ["tokens", "sequences", "offload", "ranks"],
  sampler: ["sequences", "tokens", "ranks"],
  kvAllocation: ["lessShare", "length", "sequences", "kvDtype", "offload", "ranks"],
  graphCapture: ["lessShare", "eager", "sequences"],
  warmUp: ["lessShare", "tokens", "sequences"],
  serving: ["lessShare", "sequences", "tokens"],
  stateCache: ["sequences", "moreShare"],
};
const rest: readonly RemedyName[] = [
  "moreShare",
  "lessShare",
  "length",
  "kvDtype",
  "sequences",
  "tokens",
  "eager",
  "ranks",
];

/** Where the card itself was full, a larger share only fills it sooner; the pool's own needs are no matter there. */
const laterDeaths: ReadonlySet<FailureKind> = new Set([
  "kvAllocation",
  "graphCapture",
  "warmUp",
  "serving",
  "outOfMemory",
]);
const loadingDeaths: ReadonlySet<FailureKind> = new Set([
  "context",
  "weights",
  "repacking",
  "activations",
  "sampler",
]);

function isHopeless(name: RemedyName, failure: FailureKind): boolean {
  if (loadingDeaths.has(failure)) return name === "moreShare" || name === "length" || name === "kvDtype";
  return laterDeaths.has(failure) && name === "moreShare";
}

/** Those of the failure first, then the others that can help there. */
export function vllmRemedies(shortfall: Shortfall): Remedy[] {
  const { failure } = shortfall;
  const first = (failure === null ? undefined : orders[failure]) ?? [];
  return [...new Set([...first, ...rest])]
    .filter((name) => failure === null || !isHopeless(name, failure))
    .map((name) => remedies[name](shortfall));
}
