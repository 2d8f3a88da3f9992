/** @module The flags that could have made a failed start fit, each from its mildest value to its hardest. */
import type { FailureKind } from "../log/log-facts.ts";
import type { Measured } from "./trial.ts";

export type Changes = Readonly<Record<string, string | true | null>>;

/** One way out; the first of `steps` that fits is the smallest change of its kind. */
export interface Lever {
  readonly steps: readonly Changes[];
  readonly why: string;
}

export interface LeverInput {
  readonly measured: Measured;
  /** The longest request the engine itself suggested. */
  readonly suggestedLen: number | null;
}

function settingOf({ measured }: LeverInput, name: string, fallback: number): number {
  const value = Number(measured.planned.settings[name]?.value ?? fallback);
  return Number.isFinite(value) ? value : fallback;
}

function halves(from: number, least: number): number[] {
  const values: number[] = [];
  for (let value = Math.floor(from / 2); value >= least; value = Math.floor(value / 2)) values.push(value);
  return values;
}

function hundredths(from: number, to: number): string[] {
  const [start, end] = [Math.round(from * 100), Math.round(to * 100)];
  const step = end < start ? -1 : 1;
  const values: string[] = [];
  for (let at = start + step; step < 0 ? at >= end : at <= end; at += step)
    values.push((at / 100).toFixed(2));
  return values;
}

function ranks(input: LeverInput, flag: string): Lever {
  const now = settingOf(input, flag, 1);
  return {
    steps: [2, 4, 8].filter((count) => count > now).map((count) => ({ [flag]: String(count) })),
    why: "the weights and the KV over more cards",
  };
}

/** The largest share whose bytes are free when the engine starts. */
function largestShare({ measured: { planned, request } }: LeverInput): number {
  const total = planned.total.expectedBytes;
  const context = planned.components.find(({ name }) => name === "context")?.quantity.highBytes ?? 0;
  return Math.floor(((total - context - request.usedBytes) / total) * 100) / 100;
}

const vllmLevers = {
  length: (input) => {
    const length = settingOf(input, "max-model-len", 0);
    const suggested = input.suggestedLen === null ? [] : [input.suggestedLen];
    const steps = [...suggested, ...sixteenths(length)].filter((value) => value < length);
    return { steps: steps.map((value) => ({ "max-model-len": String(value) })), why: "shorter requests" };
  },
  moreShare: (input) => ({
    steps: hundredths(settingOf(input, "gpu-memory-utilization", 0.9), largestShare(input)).map((share) => ({
      "gpu-memory-utilization": share,
    })),
    why: "a larger share of the card",
  }),
  lessShare: (input) => ({
    steps: hundredths(settingOf(input, "gpu-memory-utilization", 0.9), 0.05).map((share) => ({
      "gpu-memory-utilization": share,
    })),
    why: "a share that is free",
  }),
  kvDtype: () => ({ steps: [{ "kv-cache-dtype": "fp8" }], why: "KV at one byte a number" }),
  sequences: (input) => ({
    steps: halves(settingOf(input, "max-num-seqs", 256), 8).map((count) => ({
      "max-num-seqs": String(count),
    })),
    why: "a smaller sampler peak and fewer graphs",
  }),
  tokens: (input) => ({
    steps: halves(settingOf(input, "max-num-batched-tokens", 2048), 256).map((count) => ({
      "max-num-batched-tokens": String(count),
      ...(settingOf(input, "max-num-seqs", 256) > count ? { "max-num-seqs": String(count) } : {}),
    })),
    why: "a smaller forward pass in the profile run",
  }),
  eager: () => ({ steps: [{ "enforce-eager": true }], why: "no CUDA graphs" }),
  offload: (input) => {
    const weights = input.measured.planned.components.find(({ name }) => name === "weights")?.quantity;
    const most = Math.floor((weights?.expectedBytes ?? 0) / 2 ** 30);
    return {
      steps: Array.from({ length: Math.max(0, most) }, (_, at) => ({ "cpu-offload-gb": String(at + 1) })),
      why: "part of the weights in host memory, at the price of speed",
    };
  },
  ranks: (input) => ranks(input, "tensor-parallel-size"),
} as const satisfies Record<string, (input: LeverInput) => Lever>;

/** Lengths from fifteen sixteenths down, whole blocks each. */
function sixteenths(length: number): number[] {
  return Array.from({ length: 60 }, (_, at) => Math.floor((length * (60 - at)) / 61 / 16) * 16).filter(
    (value) => value >= 16,
  );
}

const lmdeployLevers = {
  prefillAndBatch: (input) => {
    const prefill = settingOf(input, "max-prefill-token-num", 8192);
    const batch = settingOf(input, "max-batch-size", 128);
    return {
      steps: halves(prefill, 128).map((tokens) => ({
        "max-prefill-token-num": String(tokens),
        "max-batch-size": String(Math.max(1, Math.floor((batch * tokens) / prefill))),
      })),
      why: "smaller activations in the warm-up",
    };
  },
  prefill: (input) => ({
    steps: halves(settingOf(input, "max-prefill-token-num", 8192), 128).map((tokens) => ({
      "max-prefill-token-num": String(tokens),
    })),
    why: "a smaller forward pass",
  }),
  batch: (input) => ({
    steps: halves(settingOf(input, "max-batch-size", 128), 1).map((count) => ({
      "max-batch-size": String(count),
    })),
    why: "fewer sequences",
  }),
  lessShare: (input) => ({
    steps: hundredths(settingOf(input, "cache-max-entry-count", 0.8), 0.01).map((share) => ({
      "cache-max-entry-count": share,
    })),
    why: "a smaller KV region leaves more for activations",
  }),
  moreShare: (input) => ({
    steps: hundredths(settingOf(input, "cache-max-entry-count", 0.8), 0.98).map((share) => ({
      "cache-max-entry-count": share,
    })),
    why: "a larger KV region",
  }),
  kvDtype: () => ({
    steps: [{ "quant-policy": "int8" }, { "quant-policy": "int4" }],
    why: "KV in fewer bits",
  }),
  length: (input) => ({
    steps: sixteenths(settingOf(input, "session-len", 32768)).map((value) => ({
      "session-len": String(value),
    })),
    why: "shorter sessions",
  }),
  ranks: (input) => ranks(input, "tp"),
} as const satisfies Record<string, (input: LeverInput) => Lever>;

type VllmLever = keyof typeof vllmLevers;
type LmdeployLever = keyof typeof lmdeployLevers;

const vllmOrders: Readonly<Partial<Record<FailureKind, readonly VllmLever[]>>> = {
  freeMemoryAtStart: ["lessShare", "ranks"],
  neighbourFreed: [],
  requestTooLong: ["length", "moreShare", "kvDtype", "sequences", "eager", "ranks"],
  noKvMemory: ["moreShare", "sequences", "tokens", "eager", "offload", "ranks", "kvDtype"],
  weights: ["ranks", "offload"],
  activations: ["tokens", "sequences", "offload", "ranks"],
  sampler: ["sequences", "tokens", "ranks"],
  graphCapture: ["lessShare", "eager", "sequences"],
  serving: ["lessShare", "sequences", "tokens"],
  stateCache: ["sequences", "moreShare"],
};
const vllmRest: readonly VllmLever[] = [
  "moreShare",
  "lessShare",
  "length",
  "kvDtype",
  "sequences",
  "tokens",
  "eager",
  "ranks",
];

const lmdeployOrders: Readonly<Partial<Record<FailureKind, readonly LmdeployLever[]>>> = {
  activations: ["prefillAndBatch", "prefill", "lessShare", "ranks"],
  warmUpStall: ["prefill", "kvDtype", "moreShare", "ranks"],
  weights: ["ranks"],
  noKvMemory: ["prefill", "batch", "moreShare", "kvDtype", "ranks"],
  runtimeReserve: ["prefill", "batch", "ranks"],
  stateCache: ["batch", "ranks"],
  serving: ["kvDtype", "moreShare", "length"],
};
const lmdeployRest: readonly LmdeployLever[] = [
  "prefillAndBatch",
  "prefill",
  "lessShare",
  "kvDtype",
  "moreShare",
  "ranks",
];

/** Levers for a failure, likeliest first, then the others. */
export function leversFor(engine: "vllm" | "lmdeploy", kind: FailureKind | null, input: LeverInput): Lever[] {
  if (engine === "vllm") {
    const first = (kind === null ? undefined : vllmOrders[kind]) ?? [];
    return [...new Set([...first, ...vllmRest])].map((name) => vllmLevers[name](input));
  }
  const first = (kind === null ? undefined : lmdeployOrders[kind]) ?? [];
  return [...new Set([...first, ...lmdeployRest])].map((name) => lmdeployLevers[name](input));
}
