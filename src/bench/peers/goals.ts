/** @module The goals of the measurements: ratios to peers of the same run. A missed goal stays in the table. */
import { type Figure, type KernelFamily, noneFigure, ratioFigure } from "../figures/figure.ts";
import type { LoadMedians, ServerMeasurement } from "./comparison.ts";

/** The goals of one load against peers; `value` picks the measured value from the medians. */
interface RatioGoal {
  readonly name: string;
  readonly load: string;
  readonly value: (medians: LoadMedians) => number;
  readonly unit: string;
  readonly goals: readonly {
    readonly peer: PeerKind;
    readonly kind: "atLeast" | "atMost";
    readonly value: number;
  }[];
}

export type PeerKind = "llama.cpp (Q4_1)" | "llama.cpp (Q4_0)" | "vLLM CPU (float32)";
const prefillTokens = 512;
const decodeRate = (medians: LoadMedians): number => 1000 / medians.medianTpotMs;
const prefillRate = (medians: LoadMedians): number => (prefillTokens * 1000) / medians.medianTtftMs;
const outputRate = (medians: LoadMedians): number => medians.outputTokensPerSecond;
const tailTtft = (medians: LoadMedians): number => medians.p99TtftMs;

const atLeast = (peer: PeerKind, value: number) => ({ peer, kind: "atLeast", value }) as const;
const atMost = (peer: PeerKind, value: number) => ({ peer, kind: "atMost", value }) as const;

const goalsOf: Readonly<Record<"wasm" | "machine-code", readonly RatioGoal[]>> = {
  wasm: [
    {
      name: "decode, one user",
      load: "single",
      value: decodeRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 1.3)],
    },
    {
      name: "prefill of 512",
      load: "prefill",
      value: prefillRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 1.4)],
    },
    {
      name: "conc: output",
      load: "conc",
      value: outputRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 1.5), atLeast("vLLM CPU (float32)", 1.7)],
    },
    {
      name: "prefix: output",
      load: "prefix",
      value: outputRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 5), atLeast("vLLM CPU (float32)", 2)],
    },
    {
      name: "prefix: P99 TTFT",
      load: "prefix",
      value: tailTtft,
      unit: "ms",
      goals: [atMost("vLLM CPU (float32)", 0.75)],
    },
  ],
  "machine-code": [
    {
      name: "decode, one user",
      load: "single",
      value: decodeRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 1.6)],
    },
    {
      name: "prefill of 512",
      load: "prefill",
      value: prefillRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 3.5), atLeast("llama.cpp (Q4_0)", 1.8)],
    },
    {
      name: "conc: output",
      load: "conc",
      value: outputRate,
      unit: "tok/s",
      goals: [
        atLeast("llama.cpp (Q4_1)", 3.5),
        atLeast("llama.cpp (Q4_0)", 2),
        atLeast("vLLM CPU (float32)", 4),
      ],
    },
    {
      name: "prefix: output",
      load: "prefix",
      value: outputRate,
      unit: "tok/s",
      goals: [atLeast("llama.cpp (Q4_1)", 12), atLeast("vLLM CPU (float32)", 5)],
    },
    {
      name: "prefix: P99 TTFT",
      load: "prefix",
      value: tailTtft,
      unit: "ms",
      goals: [atMost("vLLM CPU (float32)", 0.25)],
    },
  ],
};

/** One figure for each goal whose peer was measured; if none was, our value without a verdict. */
export function peerFigures(
  family: KernelFamily,
  ours: ServerMeasurement,
  peers: readonly ServerMeasurement[],
): Figure[] {
  return goalsOf[family === "wasm" ? "wasm" : "machine-code"].flatMap((ratio) => {
    const mine = mediansOf(ours, ratio.load);
    if (mine === null) return [];
    const value = ratio.value(mine);
    const figures = ratio.goals.flatMap((goal) => {
      const peer = peers.find((candidate) => candidate.name === goal.peer);
      const theirs = peer === undefined ? null : mediansOf(peer, ratio.load);
      return theirs === null
        ? []
        : [ratioFigure(ratio.name, value, ratio.unit, goal.peer, ratio.value(theirs), goal)];
    });
    return figures.length > 0
      ? figures
      : [
          {
            name: ratio.name,
            ours: value,
            unit: ratio.unit,
            peer: null,
            reached: value,
            goal: null,
            met: null,
          },
        ];
  });
}

function mediansOf(server: ServerMeasurement, load: string): LoadMedians | null {
  return server.loads.find((summary) => summary.load === load)?.medians ?? null;
}

/** Loads whose prompts are new to every server. */
const unseenLoads: readonly string[] = ["single", "prefill", "conc"];

/** The assumptions behind a server's other figures, as figures. */
export function assumptionFigures({ name, loads }: ServerMeasurement): Figure[] {
  const unseen = loads.filter(({ load }) => unseenLoads.includes(load));
  // If a server does not report cached tokens, it is unknown whether it computed its prompts: NaN, which meets no goal.
  const numCachedTokens = unseen
    .flatMap(({ rounds }) => rounds)
    .reduce((sum, round) => sum + (round.numCachedTokens ?? Number.NaN), 0);
  const numFailed = loads.reduce((sum, { medians }) => sum + medians.numFailed, 0);
  const figures = [noneFigure(`${name}: failed`, numFailed, "requests")];
  if (unseen.length === 0) return figures;
  const names = unseen.map(({ load }) => load).join(", ");
  return [...figures, noneFigure(`${name}: cached in ${names}`, numCachedTokens, "tokens")];
}
