/** @module What helps a llama-server start that does not get through, likeliest first. */
import type { Remedy } from "../../plan/change.ts";
import type { FailureKind } from "../../plan/failure.ts";
import type { Shortfall } from "../../rules/engine-rules.ts";
import { halves, settingOf, shorterLengths, stepsOf } from "../../rules/step-values.ts";

const cellStep = 256;

const remedies = {
  context: ({ planned }) => {
    const now = settingOf(planned, "ctx-size", 4096);
    const values = shorterLengths(now).map((length) => Math.floor(length / cellStep) * cellStep);
    return {
      steps: stepsOf(
        "ctx-size",
        [...new Set(values)].filter((value) => value >= cellStep),
      ),
      why: "fewer cells in the cache",
    };
  },
  cacheTypes: () => ({
    steps: ["q8_0", "q4_0"].map((type) => ({ flags: { "cache-type-k": type, "cache-type-v": type } })),
    why: "a quantized cache",
  }),
  slots: ({ planned }) => ({
    steps: stepsOf("parallel", halves(settingOf(planned, "parallel", 4), 1)),
    why: "fewer slots",
  }),
  microBatch: ({ planned }) => ({
    steps: stepsOf("ubatch-size", halves(settingOf(planned, "ubatch-size", 512), 64)),
    why: "a smaller compute buffer",
  }),
  flash: () => ({
    steps: stepsOf("flash-attn", ["on"]),
    why: "no scores of every head in the compute buffer",
  }),
  hostExperts: ({ request: { model } }) => {
    const hasExperts = model.layers.some(({ feedForward }) => feedForward.kind === "experts");
    const counts = model.layers.map((_, index) => index + 1);
    return {
      steps: hasExperts ? stepsOf("n-cpu-moe", counts) : [],
      why: "experts of some layers with the processors",
    };
  },
  layers: ({ planned }) => ({
    steps: stepsOf(
      "gpu-layers",
      Array.from({ length: settingOf(planned, "gpu-layers", 0) }, (_, at) => at).reverse(),
    ),
    why: "fewer layers on the card, at the price of speed",
  }),
  cards: ({ planned: { numDevices, device } }) => ({
    steps: [2, 4, 8]
      .filter((count) => count > numDevices && !/machine/.test(device))
      .map((count) => ({ flags: { "tensor-split": Array<string>(count).fill("1").join(",") } })),
    why: "the layers over more cards",
  }),
} as const satisfies Record<string, (shortfall: Shortfall) => Remedy>;

type RemedyName = keyof typeof remedies;

const rest: readonly RemedyName[] = [
  "context",
  "cacheTypes",
  "microBatch",
  "flash",
  "slots",
  "hostExperts",
  "layers",
  "cards",
];
const orders: Readonly<Partial<Record<FailureKind, readonly RemedyName[]>>> = {
  weights: ["hostExperts", "layers", "cards"],
  kvAllocation: ["context", "cacheTypes", "hostExperts", "layers", "cards"],
  stateCache: ["slots"],
  activations: ["microBatch", "flash", "context"],
};

export function llamaServerRemedies(shortfall: Shortfall): Remedy[] {
  const first = (shortfall.failure === null ? undefined : orders[shortfall.failure]) ?? [];
  return [...new Set([...first, ...rest])].map((name) => remedies[name](shortfall));
}
