/** @module The figures of steps without a server: time by kind of operation, share of the memory's limit, scheduling. */
import type { Program } from "../../backend/backend.ts";
import { buildProgram } from "../../model/architectures/build-program.ts";
import { parseGgufConfig } from "../../model/config/gguf-config.ts";
import { readGguf } from "../../model/weights/gguf.ts";
import { absoluteFigure, type Figure, type KernelFamily, ratioFigure } from "../figures/figure.ts";
import { msPerStepWithWaiting } from "./scheduler-bench.ts";
import { benchRanks, benchSteps, type StepFigure, type StepShape } from "./step-bench.ts";
import { evenHeads, llama1b, syntheticLlama } from "./synthetic-model.ts";

const shapes: readonly StepShape[] = [
  { name: "decode, 1 sequence", numSequences: 1, numTokens: 1, numContextTokens: 96 },
  { name: "decode, 32 sequences", numSequences: 32, numTokens: 1, numContextTokens: 160 },
  { name: "decode, 32 at 576 tokens", numSequences: 32, numTokens: 1, numContextTokens: 576 },
  {
    name: "the same, 512 shared",
    numSequences: 32,
    numTokens: 1,
    numContextTokens: 576,
    numSharedTokens: 512,
  },
  { name: "prefill of 512", numSequences: 1, numTokens: 512, numContextTokens: 0 },
  { name: "decode at 8,000 tokens", numSequences: 1, numTokens: 1, numContextTokens: 8000 },
];
const largeShapes: readonly StepShape[] = [
  { name: "1B: decode, 1 sequence", numSequences: 1, numTokens: 1, numContextTokens: 96 },
];
const decodeGoals = {
  "machine-code": { small: 0.75, large: 0.85 },
  wasm: { small: null, large: null },
} as const;

export interface StepReport {
  readonly figures: readonly Figure[];
  /** Milliseconds of each shape by kind of operation. */
  readonly profiles: readonly { readonly kernels: string; readonly step: StepFigure }[];
}

export async function stepFigures(
  modelPath: string,
  family: KernelFamily,
  numThreads: number,
  numSteps: number,
): Promise<StepReport> {
  const program = programOf(modelPath);
  const small = await benchSteps(program, family, numThreads, shapes, numSteps);
  const synthetic = syntheticLlama(llama1b);
  try {
    const large = await benchSteps(synthetic.program, family, numThreads, largeShapes, numSteps);
    const goals = decodeGoals[family === "wasm" ? "wasm" : "machine-code"];
    return {
      figures: [
        ...small.figures.flatMap((figure) =>
          limitFigures(figure, figure.shape === shapes[0] ? goals.small : null, numThreads),
        ),
        ...large.figures.flatMap((figure) => limitFigures(figure, goals.large, numThreads)),
        absoluteFigure(
          "1B: load and repack",
          repackRate(large),
          "MB/s",
          family === "wasm" ? null : { kind: "atLeast", value: 500 },
        ),
      ],
      profiles: [
        ...small.figures.map((step) => ({ kernels: small.kernels, step })),
        ...large.figures.map((step) => ({ kernels: large.kernels, step })),
      ],
    };
  } finally {
    synthetic.dispose();
  }
}

function programOf(modelPath: string): Program {
  const { metadata, tensors } = readGguf(modelPath);
  return buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
}

const rankShapes: readonly StepShape[] = [
  { name: "decode, 1 sequence", numSequences: 1, numTokens: 1, numContextTokens: 96 },
  { name: "decode, 32 sequences", numSequences: 32, numTokens: 1, numContextTokens: 160 },
  { name: "prefill of 512", numSequences: 1, numTokens: 512, numContextTokens: 0 },
];

/** Two ranks relative to as many threads of one: the model, and one of random weights whose heads they divide evenly. */
export async function rankFigures(
  modelPath: string,
  family: KernelFamily,
  numThreads: number,
  numRounds: number,
): Promise<Figure[]> {
  const numRanks = 2;
  const division = { numThreads: numRanks * Math.ceil(numThreads / numRanks), numRanks };
  const synthetic = syntheticLlama(evenHeads);
  try {
    const figures: Figure[] = [];
    for (const [name, program] of [
      ["", programOf(modelPath)] as const,
      ["even heads, ", synthetic.program] as const,
    ])
      for (const { shape, dividedMs, wholeMs } of await benchRanks(
        program,
        family,
        division,
        rankShapes,
        numRounds,
      ))
        figures.push(
          ratioFigure(
            `${numRanks} ranks: ${name}${shape.name}, steps a second`,
            1000 / dividedMs,
            "/s",
            `${division.numThreads} threads, 1 rank`,
            1000 / wholeMs,
            { kind: "atLeast", value: 0.95 },
          ),
        );
    return figures;
  } finally {
    synthetic.dispose();
  }
}

/** Packed bytes per second of the whole load, including allocation and the start of threads. */
function repackRate(run: { readonly loadMs: number; readonly figures: readonly StepFigure[] }): number {
  return (run.figures[0]?.bytesTouched ?? Number.NaN) / 1e3 / run.loadMs;
}

/** Steps of one token relative to the time of only reading their bytes; other steps in milliseconds. */
function limitFigures(figure: StepFigure, goal: number | null, numThreads: number): Figure[] {
  const { shape, medianMs, bytesTouched, bandwidth } = figure;
  if (bandwidth === null) return [absoluteFigure(`step: ${shape.name}`, medianMs, "ms", null)];
  const limitMs = (bytesTouched / bandwidth) * 1000;
  const name = `step: ${shape.name}, steps a second`;
  const share = ratioFigure(name, 1000 / medianMs, "/s", "memory's limit", 1000 / limitMs, {
    kind: "atLeast",
    value: goal ?? 0,
  });
  return [
    absoluteFigure(`memory at that moment, ${numThreads} threads reading`, bandwidth / 1e9, "GB/s", null),
    goal === null ? { ...share, goal: null, met: null } : share,
  ];
}

/** A step with 10,000 waiting requests relative to one with 10. */
export async function schedulerFigure(): Promise<Figure> {
  const few = await msPerStepWithWaiting(10);
  const many = await msPerStepWithWaiting(10_000);
  // Two runs of the same differ by up to 10 %.
  return ratioFigure("a step with 10,000 waiting", many, "ms", "with 10 waiting", few, {
    kind: "atMost",
    value: 1.1,
  });
}
