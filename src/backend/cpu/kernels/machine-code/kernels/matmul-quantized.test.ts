import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededNumbers } from "../../../../seeded-numbers.ts";
import { rowsPerPack } from "../../../footprint/weight-layout.ts";
import type { JobValues } from "../../jobs.ts";
import type { KernelSet } from "../../kernel-set.ts";
import { KernelArena } from "../../self-test/kernel-arena.ts";
import { type MatmulCase, placeMatmul, randomMatmul } from "../../self-test/quantized-matmul-case.ts";
import { createAssembler } from "../assembler/assembler.ts";
import { bindKernels, publishKernels } from "../kernel-image.ts";
import { elfImage } from "../loading/elf-image.ts";
import { addressOf, publishImage, whyNoLoader } from "../loading/loader.ts";
import { detectCpuFeatures } from "../processor/cpu-features.ts";
import { runnableTargets, targets } from "../processor/targets.ts";
import { exactOutput } from "../testing/exact-product.ts";
import { emitQuantizedMatmul } from "./matmul-quantized.ts";

const noLoader = whyNoLoader();
const runnable = noLoader === null ? runnableTargets(detectCpuFeatures()) : [];
const none: KernelSet = { name: "none", kernels: {} as KernelSet["kernels"] };

const largest = { numTokens: 20, numRows: 40, numGroups: 5 };

/** Runs a case, perhaps cut into two parts, and returns what out held before and after. */
function runCase(
  arena: KernelArena,
  kernels: KernelSet,
  c: MatmulCase,
  job: JobValues<"matmulQ4">,
  cut: number,
): { before: Float32Array; after: Float32Array } {
  const numRowPacks = Math.ceil(c.numRows / rowsPerPack);
  const numOut = (job.outStride / 4) * (c.numTokens - 1) + c.numRows;
  const out = arena.f32.subarray(job.out / 4, job.out / 4 + numOut);
  const before = out.slice();
  const kernel = c.storage === "q4" ? "matmulQ4" : "matmulQ8";
  const edge = Math.min(cut, numRowPacks);
  kernels.kernels[kernel](arena.placeJob(kernel, job, { start: edge, end: numRowPacks }));
  kernels.kernels[kernel](arena.placeJob(kernel, job, { start: 0, end: edge }));
  return { before, after: out.slice() };
}

function assertExact(
  arena: KernelArena,
  kernels: KernelSet,
  c: MatmulCase,
  job: JobValues<"matmulQ4">,
  cut: number,
): void {
  const { before, after } = runCase(arena, kernels, c, job, cut);
  const stride = job.outStride / 4;
  for (let i = 0; i < after.length; i++) {
    const [token, row] = [Math.floor(i / stride), i % stride];
    const old = before[i] ?? 0;
    const expected = row < c.numRows ? exactOutput(arena, c, job, token, row, old) : old;
    if (!Object.is(after[i], expected))
      assert.fail(`token ${token} row ${row}: ${after[i]}, not ${expected}, in ${JSON.stringify(c)}`);
  }
  assert.deepEqual(arena.brokenGuards(), [], JSON.stringify(c));
}

function fuzzAgainstPlainArithmetic(bind: (arena: KernelArena) => KernelSet): void {
  for (const storage of ["q4", "q8"] as const)
    test(`${storage}: 1,500 seeded shapes equal plain arithmetic to the bit, and nothing beyond is written`, () => {
      const arena = new KernelArena(1 << 20, addressOf);
      const unfused = bind(arena);
      const random = new SeededNumbers(7);
      for (let i = 0; i < 1500; i++) {
        const c = randomMatmul(random, storage, largest);
        arena.reset();
        assertExact(arena, unfused, c, placeMatmul(arena, random, c), random.between(0, 6));
      }
    });
}

for (const target of runnable)
  describe(`quantised products by ${target.name}`, () => {
    const image = publishKernels({ ...target, fused: false }, "-unfused");
    fuzzAgainstPlainArithmetic((arena) => bindKernels(image, arena.memory, none));

    test("more rows than a panel: every panel and a single last row pack, for one tile of tokens and for several", () => {
      const arena = new KernelArena(1 << 20, addressOf);
      const kernels = bindKernels(image, arena.memory, none);
      const random = new SeededNumbers(13);
      for (const storage of ["q4", "q8"] as const)
        for (const numTokens of [1, 3, 19]) {
          const c = {
            storage,
            numTokens,
            numRows: 219,
            numCols: 448,
            hasBias: true,
            accumulate: true,
            scale: 0.5,
          };
          arena.reset();
          assertExact(arena, kernels, c, placeMatmul(arena, random, c), 11);
        }
    });
  });

const hasVnni = runnable.some(({ byteDot }) => byteDot === "dpbusd-evex");
// The disassembler has seen that the encodings differ in nothing but themselves (kernel-image.test.ts).
describe("avx-vnni with its one instruction in AVX-512's encoding", {
  skip: !hasVnni && "no AVX-512 VNNI",
}, () => {
  const target = { ...targets["avx-vnni"], fused: false };
  const code = (storage: "q4" | "q8"): Uint8Array => {
    const asm = createAssembler();
    const inOtherEncoding = Object.assign(asm, { vpdpbusdVex: asm.vpdpbusd });
    emitQuantizedMatmul(inOtherEncoding, target, storage);
    return asm.finish();
  };
  const functions = hasVnni
    ? [
        { name: "matmulQ4", code: code("q4") },
        { name: "matmulQ8", code: code("q8") },
      ]
    : [];
  fuzzAgainstPlainArithmetic((arena) => {
    const path = publishImage(elfImage("pagoda-test-avx-vnni", functions));
    const kernels = ["matmulQ4", "matmulQ8"] as const;
    return bindKernels({ setName: "avx-vnni", path, kernels, codeBytes: 0 }, arena.memory, none);
  });
});

describe("fused products", { skip: runnable.length === 0 && (noLoader ?? "no AVX2") }, () => {
  test("every target gives the same bits, for every batch and division", () => {
    const arena = new KernelArena(1 << 20, addressOf);
    const sets = runnable.map((target) => bindKernels(publishKernels(target), arena.memory, none));
    const random = new SeededNumbers(11);
    for (let i = 0; i < 300; i++) {
      const c = randomMatmul(random, i % 2 === 0 ? "q4" : "q8", largest);
      arena.reset();
      const job = placeMatmul(arena, random, c);
      const out = arena.f32.subarray(
        job.out / 4,
        job.out / 4 + (job.outStride / 4) * (c.numTokens - 1) + c.numRows,
      );
      const start = out.slice();
      const results = sets.map((set) => {
        out.set(start);
        return runCase(arena, set, c, job, random.between(0, 6)).after;
      });
      for (const result of results) assert.deepEqual(result, results[0], JSON.stringify(c));
    }
  });

  test("a token's numbers do not depend on how many others there are", () => {
    const arena = new KernelArena(1 << 20, addressOf);
    const random = new SeededNumbers(5);
    for (const target of runnable) {
      const kernels = bindKernels(publishKernels(target), arena.memory, none);
      const c: MatmulCase = {
        storage: "q4",
        numTokens: 19,
        numRows: 24,
        numCols: 96,
        hasBias: false,
        accumulate: false,
        scale: 1,
      };
      arena.reset();
      const job = placeMatmul(arena, random, c);
      const all = runCase(arena, kernels, c, job, 1).after;
      for (let numTokens = 1; numTokens < 19; numTokens++) {
        const { after } = runCase(arena, kernels, { ...c, numTokens }, { ...job, numTokens }, 0);
        assert.deepEqual(after, all.subarray(0, after.length));
      }
    }
  });
});
