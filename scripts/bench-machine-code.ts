/**
 * @module Machine code kernels against their bounds, on one thread: `node scripts/bench-machine-code.ts`.
 *
 * For every kind of code that this processor runs, and for WebAssembly: products a second by number of tokens, and which
 * share that is of what the processor does when it does nothing else (`measure/probes.ts`). Best of several rounds.
 */
import { bindKernelSource, chooseKernelSource } from "../src/backend/cpu/choose-kernels.ts";
import { packedMatrixBytes } from "../src/backend/cpu/footprint/weight-layout.ts";
import type { JobValues } from "../src/backend/cpu/kernels/jobs.ts";
import type { KernelSet } from "../src/backend/cpu/kernels/kernel-set.ts";
import { bindKernels, publishKernels } from "../src/backend/cpu/kernels/machine-code/kernel-image.ts";
import {
  addressOf,
  preferHugePages,
  whyNoLoader,
} from "../src/backend/cpu/kernels/machine-code/loading/loader.ts";
import { detectCpuFeatures } from "../src/backend/cpu/kernels/machine-code/processor/cpu-features.ts";
import { runnableTargets } from "../src/backend/cpu/kernels/machine-code/processor/targets.ts";
import { KernelArena } from "../src/backend/cpu/kernels/self-test/kernel-arena.ts";
import { type MatmulCase, placeMatmul } from "../src/backend/cpu/kernels/self-test/quantized-matmul-case.ts";
import { type Ceilings, measureCeilings } from "../src/backend/cpu/measure/probes.ts";
import { SeededNumbers } from "../src/backend/seeded-numbers.ts";
import { readConditions } from "../src/bench/conditions.ts";

/**
 * 92 KB of q4 weights stay in the second-level cache; 47 MB are in no cache. Between them what a small model's server has
 * on two threads: a projection back from 1536 columns, and a vocabulary of rows whose results lie far apart.
 */
const shapes = [
  { storage: "q4", numRows: 256, numCols: 576, tokenCounts: [1, 2, 4, 6, 8, 64] },
  { storage: "q4", numRows: 288, numCols: 1536, tokenCounts: [82, 512] },
  { storage: "q4", numRows: 131072, numCols: 576, tokenCounts: [1, 2, 4, 8] },
  { storage: "q8", numRows: 256, numCols: 576, tokenCounts: [1, 2, 4, 6, 8, 64] },
  { storage: "q8", numRows: 24576, numCols: 576, tokenCounts: [1, 8, 32] },
  { storage: "q8", numRows: 131072, numCols: 576, tokenCounts: [1, 2, 4, 8] },
] as const;
/** Smaller weights come from a cache: memory is not their bound. */
const largestCacheBytes = 40e6;
const numRounds = 11;
const productsPerRound = 2e7;

interface BenchedSet {
  readonly set: KernelSet;
  readonly ceilings: Ceilings | null;
}

function bestSeconds(work: () => void, numCalls: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < numRounds; round++) {
    const start = performance.now();
    for (let i = 0; i < numCalls; i++) work();
    best = Math.min(best, (performance.now() - start) / 1000 / numCalls);
  }
  return best;
}

/** One line: products a second, bytes of weights a second, and the nearer of the two bounds. */
function matmulLine({ set, ceilings }: BenchedSet, shape: MatmulCase, job: number): string {
  const kernel = shape.storage === "q4" ? "matmulQ4" : "matmulQ8";
  const numProducts = shape.numTokens * shape.numRows * shape.numCols;
  const numCalls = Math.ceil(productsPerRound / numProducts);
  const seconds = bestSeconds(() => set.kernels[kernel](job), numCalls);
  const gmacs = numProducts / seconds / 1e9;
  const weightBytes = packedMatrixBytes(shape.storage, shape.numRows, shape.numCols);
  const bytesPerSecond = weightBytes / seconds;
  const shares =
    ceilings === null
      ? ""
      : weightBytes < largestCacheBytes
        ? `${percent(gmacs / ceilings.byteGmacs)} of arithmetic`
        : `${percent(gmacs / ceilings.byteGmacs)} of arithmetic  ${percent(bytesPerSecond / ceilings.readBytesPerSecond)} of memory`;
  const name = `${shape.storage} ${String(shape.numTokens).padStart(3)} × ${String(shape.numRows).padStart(6)} × ${String(shape.numCols).padStart(4)}`;
  return `${name}  ${set.name.padEnd(25)} ${gmacs.toFixed(1).padStart(6)} GMAC/s ${(bytesPerSecond / 1e9).toFixed(1).padStart(6)} GB/s  ${shares}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0).padStart(3)} %`;

async function main(): Promise<void> {
  const noLoader = whyNoLoader();
  if (noLoader !== null) {
    console.log(noLoader);
    return;
  }
  const { processor, node, commit } = readConditions(new URL("..", import.meta.url).pathname);
  console.log(`${processor}, Node ${node}, commit ${commit}, one thread`);
  const arena = new KernelArena(192 << 20, addressOf);
  preferHugePages(arena.memory.buffer, 192 << 20); // as weights lie in a server
  const wasm = bindKernelSource(await chooseKernelSource("wasm"), arena.memory).kernelSet;
  const sets: BenchedSet[] = [{ set: wasm, ceilings: null }];
  for (const target of runnableTargets(detectCpuFeatures())) {
    const ceilings = measureCeilings(target);
    sets.push({ set: bindKernels(publishKernels(target), arena.memory, wasm), ceilings });
    console.log(
      `${target.name}: at most ${ceilings.byteGmacs.toFixed(0)} GMAC/s of bytes, ${ceilings.floatGmacs.toFixed(0)} of f32, ${(ceilings.readBytesPerSecond / 1e9).toFixed(1)} GB/s from memory`,
    );
  }
  const random = new SeededNumbers(3);
  for (const { storage, numRows, numCols, tokenCounts } of shapes)
    for (const numTokens of tokenCounts) {
      arena.reset();
      const product = { storage, numTokens, numRows, numCols, hasBias: false, accumulate: false, scale: 1 };
      // A 0 or a subnormal among the scales costs a processor time that real weights do not.
      const shape = { ...product, scales: "ordinary" } as const;
      const values: JobValues<"matmulQ4"> = placeMatmul(arena, random, shape);
      const job = arena.placeJob("matmulQ4", values, { start: 0, end: numRows / 8 });
      for (const benched of sets) console.log(matmulLine(benched, shape, job));
    }
}

await main();
