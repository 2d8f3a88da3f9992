import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { SeededNumbers } from "../../../seeded-numbers.ts";
import { jobWord } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";
import { compareKernels } from "../self-test/compare-kernels.ts";
import { KernelArena } from "../self-test/kernel-arena.ts";
import type { KernelCase } from "../self-test/kernel-case.ts";
import { kernelCases, type TriedKernel } from "../self-test/kernel-cases.ts";
import { placeMatmul } from "../self-test/quantized-matmul-case.ts";
import { bindWasmKernels } from "../testing/wasm-kernels.ts";
import { bindKernels, publishKernels } from "./kernel-image.ts";
import { addressOf, whyNoLoader } from "./loading/loader.ts";
import { loadMachineCode } from "./machine-code.ts";
import { detectCpuFeatures } from "./processor/cpu-features.ts";
import { runnableTargets } from "./processor/targets.ts";

const noLoader = whyNoLoader();
const skip = noLoader ?? false;
const runnable = noLoader === null ? runnableTargets(detectCpuFeatures()) : [];

describe("choosing machine code", { skip }, () => {
  test("it loads here and agrees with wasm", { skip: runnable.length === 0 && "no AVX2" }, () => {
    const choice = loadMachineCode(bindWasmKernels);
    assert.equal(choice.image?.setName, `machine-code-${runnable[0]?.name}`);
  });

  test("the reason names a target that this processor cannot run, and those that it can", () => {
    const choice = loadMachineCode(bindWasmKernels, "avx-vnni");
    if (runnable.some(({ name }) => name === "avx-vnni")) assert.ok(choice.image !== null);
    else assert.match(choice.image === null ? choice.reason : "", /this processor (runs|lacks) .*/);
  });

  test("a wrong kernel is found out", () => {
    const choice = loadMachineCode((memory): KernelSet => {
      const set = bindWasmKernels(memory);
      const bytes = new Uint8Array(memory.buffer);
      const wrong = (job: number): void => {
        set.kernels.matmulQ4(job);
        bytes[100] = (bytes[100] ?? 0) ^ 1; // as if a kernel had written outside its results
      };
      return { ...set, kernels: { ...set.kernels, matmulQ4: wrong } };
    });
    assert.match(choice.image === null ? choice.reason : "", /failed its self-test: matmulQ4: /);
  });

  for (const kernel of ["matmulQ4", "matmulQ8"] as const)
    test(`so is one whose sums of products are wrong by a hundred-thousandth: ${kernel}`, () => {
      const choice = loadMachineCode((memory): KernelSet => {
        const set = bindWasmKernels(memory);
        const [words, numbers] = [new Int32Array(memory.buffer), new Float32Array(memory.buffer)];
        const wrong = (job: number): void => {
          set.kernels[kernel](job);
          const out = (words[job / 4 + jobWord(kernel, "out")] ?? 0) / 4;
          numbers[out] = (numbers[out] ?? 0) * (1 + 1e-5);
        };
        return { ...set, kernels: { ...set.kernels, [kernel]: wrong } };
      });
      assert.match(choice.image === null ? choice.reason : "", new RegExp(`self-test: ${kernel}: `));
    });
});

describe("if machine code cannot be loaded, there is a reason in one line", () => {
  const script = `
    import { loadMachineCode } from ${JSON.stringify(new URL("./machine-code.ts", import.meta.url).href)};
    const choice = loadMachineCode(() => { throw new Error("not reached"); });
    process.stdout.write(choice.image === null ? choice.reason : "loaded");`;
  const reasonUnder = (...options: string[]): string =>
    spawnSync(process.execPath, [...options, "--input-type=module", "--eval", script], { encoding: "utf8" })
      .stdout;

  test("without node:ffi", { skip }, () => {
    assert.match(reasonUnder("--no-experimental-ffi"), /^Node [\d.]+ has no node:ffi/);
  });
  test("under the permission model", { skip }, () => {
    assert.match(reasonUnder("--permission", "--allow-fs-read=*"), /^the permission model forbids node:ffi/);
  });
});

for (const target of runnable)
  describe(`fuzz of ${target.name} against wasm`, () => {
    for (const kernel of Object.keys(kernelCases) as TriedKernel[])
      test(`${kernel}: 700 seeded jobs leave the same memory behind`, () => {
        const arena = new KernelArena(1 << 20, addressOf);
        const wasm = bindWasmKernels(arena.memory);
        const own = bindKernels(publishKernels(target), arena.memory, wasm, true);
        const random = new SeededNumbers(99);
        let numEqual = 0;
        for (let i = 0; i < 700; i++) {
          arena.reset();
          const kernelCase: KernelCase = kernelCases[kernel](arena, random, "thorough");
          const cut = random.between(0, kernelCase.numUnits);
          const result = compareKernels(arena, [wasm, own], kernelCase, cut);
          assert.notEqual(
            result.kind,
            "different",
            `case ${i}: ${JSON.stringify({ ...result, ...kernelCase })}`,
          );
          if (result.kind === "equal") numEqual += 1;
        }
        assert.deepEqual(arena.brokenGuards(), []);
        // WebAssembly's multiply-adds are fused too on every processor with FMA, so that nothing differs.
        assert.equal(numEqual, 700);
      });
  });

/** The shapes of a real model: long rows, many tokens, its whole vocabulary. */
const largeShapes = [
  { numTokens: 512, numRows: 64, numCols: 1536 },
  { numTokens: 3, numRows: 49152, numCols: 576 },
  { numTokens: 33, numRows: 72, numCols: 8192 },
];

for (const target of runnable)
  describe(`shapes of real models by ${target.name}`, () => {
    for (const shape of largeShapes)
      for (const storage of ["q4", "q8"] as const)
        test(`${storage}: ${shape.numTokens} × ${shape.numRows} × ${shape.numCols}`, () => {
          const arena = new KernelArena(64 << 20, addressOf);
          const wasm = bindWasmKernels(arena.memory);
          const own = bindKernels(publishKernels(target), arena.memory, wasm, true);
          const common = { storage, hasBias: true, accumulate: true, scale: 0.5 };
          const values = placeMatmul(arena, new SeededNumbers(3), { ...shape, ...common });
          const kernelCase: KernelCase = {
            kernel: storage === "q4" ? "matmulQ4" : "matmulQ8",
            values,
            numUnits: shape.numRows / 8,
            floats: [],
          };
          assert.deepEqual(compareKernels(arena, [wasm, own], kernelCase, 5), { kind: "equal" });
          assert.deepEqual(arena.brokenGuards(), []);
        });
  });
