/** @module What helps an SGLang start that does not get through. A larger share helps the pool, a smaller one all that comes after it. */
import { gib } from "../../../core/byte-size.ts";
import type { Remedy } from "../../plan/change.ts";
import { bytesOf } from "../../plan/component.ts";
import type { FailureKind } from "../../plan/failure.ts";
import type { Shortfall } from "../../rules/engine-rules.ts";
import { halves, hundredths, moreRanks, settingOf, stepsOf } from "../../rules/step-values.ts";

const shareNow = ({ planned }: Shortfall): number => settingOf(planned, "mem-fraction-static", 0.88);

const remedies = {
  moreShare: (shortfall) => ({
    steps: stepsOf("mem-fraction-static", hundredths(shareNow(shortfall), 0.95)),
    why: "a larger share for weights and pool",
  }),
  lessShare: (shortfall) => ({
    steps: stepsOf("mem-fraction-static", hundredths(shareNow(shortfall), 0.3)),
    why: "more room beside the pool",
  }),
  context: ({ planned }) => ({
    steps: stepsOf("context-length", halves(settingOf(planned, "context-length", 4096), 2048)),
    why: "a shorter table of requests",
  }),
  requests: ({ planned }) => ({
    steps: stepsOf("max-running-requests", halves(settingOf(planned, "max-running-requests", 2048), 8)),
    why: "fewer rows in the table of requests",
  }),
  prefill: ({ planned }) => ({
    steps: stepsOf("chunked-prefill-size", halves(settingOf(planned, "chunked-prefill-size", 8192), 512)),
    why: "a smaller prefill",
  }),
  captured: ({ planned }) => ({
    steps: stepsOf("cuda-graph-max-bs", halves(settingOf(planned, "cuda-graph-max-bs", 160), 1)),
    why: "fewer CUDA graphs",
  }),
  eager: () => ({ steps: [{ flags: { "disable-cuda-graph": true } }], why: "no CUDA graphs" }),
  kvDtype: ({ request }) => ({
    steps: request.device.computeCapability >= 8.9 ? stepsOf("kv-cache-dtype", ["fp8_e4m3"]) : [],
    why: "KV at one byte a number",
  }),
  offload: ({ planned }) => ({
    steps: stepsOf(
      "cpu-offload-gb",
      Array.from({ length: Math.floor(bytesOf(planned, "weights") / gib) }, (_, at) => at + 1),
    ),
    why: "part of the weights in host memory, at the price of speed",
  }),
  ranks: ({ planned }) => ({ steps: moreRanks(planned, "tensor-parallel-size"), why: "more cards" }),
} as const satisfies Record<string, (shortfall: Shortfall) => Remedy>;

type RemedyName = keyof typeof remedies;

const orders: Readonly<Partial<Record<FailureKind, readonly RemedyName[]>>> = {
  weights: ["ranks", "offload"],
  noKvMemory: ["moreShare", "ranks", "offload"],
  requestTooLong: ["moreShare", "kvDtype", "context", "ranks"],
  graphCapture: ["lessShare", "requests", "context", "captured", "eager"],
  activations: ["prefill", "lessShare", "ranks"],
  serving: ["prefill", "lessShare", "requests"],
};
const rest: readonly RemedyName[] = [
  "moreShare",
  "lessShare",
  "prefill",
  "captured",
  "eager",
  "kvDtype",
  "ranks",
];

/** Where the card was full, a larger share fills it sooner. */
const laterDeaths: ReadonlySet<FailureKind> = new Set([
  "graphCapture",
  "activations",
  "serving",
  "kvAllocation",
  "outOfMemory",
]);

export function sglangRemedies(shortfall: Shortfall): Remedy[] {
  const { failure } = shortfall;
  const first = (failure === null ? undefined : orders[failure]) ?? [];
  return [...new Set([...first, ...rest])]
    .filter((name) => !(failure !== null && laterDeaths.has(failure) && name === "moreShare"))
    .map((name) => remedies[name](shortfall));
}
