import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { groupWidth } from "../../../../core/weight-storage.ts";
import { SeededNumbers } from "../../../seeded-numbers.ts";
import { quantizedBytes, tokensPerPack } from "../../footprint/workspace-layout.ts";
import type { KernelSet } from "../kernel-set.ts";
import { bindWasmKernels } from "../testing/wasm-kernels.ts";
import { type Comparison, compareKernels } from "./compare-kernels.ts";
import { KernelArena } from "./kernel-arena.ts";
import type { KernelCase } from "./kernel-case.ts";
import { kernelCases, type TriedKernel } from "./kernel-cases.ts";

type Spoil = (arena: KernelArena, kernelCase: KernelCase, random: SeededNumbers) => void;

/** Results of comparing wasm with itself after `spoil` has changed the second one's results. */
function compareSpoiled(kernel: TriedKernel, numCases: number, spoil: Spoil): Comparison["kind"][] {
  const arena = new KernelArena(1 << 20);
  const wasm = bindWasmKernels(arena.memory);
  const random = new SeededNumbers(41);
  return Array.from({ length: numCases }, () => {
    arena.reset();
    const kernelCase: KernelCase = kernelCases[kernel](arena, random, "thorough");
    let isSecondPart = false;
    const spoiled = (job: number): void => {
      wasm.kernels[kernel](job);
      if (isSecondPart) spoil(arena, kernelCase, random);
      isSecondPart = true;
    };
    const set: KernelSet = { name: "spoiled", kernels: { ...wasm.kernels, [kernel]: spoiled } };
    return compareKernels(arena, [wasm, set], kernelCase, 1).kind;
  });
}

const tokenPackGroupBytes = quantizedBytes(tokensPerPack, groupWidth);
const dataBytes = tokensPerPack * groupWidth;

/** Offset of a random group among the token packs of the case's results. */
function anyGroup({ values, numUnits }: KernelCase, random: SeededNumbers): number {
  const { out, width } = values as { readonly out: number; readonly width: number };
  const numGroups = Math.ceil(numUnits / tokensPerPack) * (width / groupWidth);
  return out + tokenPackGroupBytes * random.between(0, numGroups - 1);
}

describe("permitted differences between two kernel sets", () => {
  for (const kernel of ["quantizeRows", "normQuantize", "gluQuantize"] as const) {
    test(`${kernel}: not by a bit of a whole number, be it a byte, a sum or padding`, () => {
      const kinds = compareSpoiled(kernel, 200, (arena, kernelCase, random) => {
        const at = anyGroup(kernelCase, random) + random.between(0, dataBytes - 1);
        arena.bytes[at] = (arena.bytes[at] ?? 0) ^ 1;
      });
      assert.deepEqual(new Set(kinds), new Set(["different"]));
      const ofSums = compareSpoiled(kernel, 200, (arena, kernelCase, random) => {
        const at = anyGroup(kernelCase, random) + dataBytes + 4 * tokensPerPack + random.between(0, 15);
        arena.bytes[at] = (arena.bytes[at] ?? 0) ^ 1;
      });
      assert.deepEqual(new Set(ofSums), new Set(["different"]));
    });

    test(`${kernel}: by a millionth of a scale`, () => {
      const kinds = compareSpoiled(kernel, 200, (arena, kernelCase, random) => {
        const at = (anyGroup(kernelCase, random) + dataBytes) / 4; // the first token's, which is never padding
        arena.f32[at] = (arena.f32[at] ?? 0) * (1 + 1e-6);
      });
      // Where all numbers are zero, so are the scales.
      assert.deepEqual(
        kinds.filter((kind) => kind !== "equal" && kind !== "rounded"),
        [],
      );
      assert.ok(kinds.includes("rounded"));
    });
  }

  test("products whose operands make them exact: not by one; others by their last bits", () => {
    for (const kernel of ["matmulQ4", "matmulQ8"] as const) {
      const exact = new Set<Comparison["kind"]>();
      const others = new Set<Comparison["kind"]>();
      const wasExact: boolean[] = [];
      const kinds = compareSpoiled(kernel, 100, (arena, { values, floats }) => {
        const at = (values as { readonly out: number }).out / 4;
        wasExact.push(floats.length === 0);
        if (floats.length === 0) arena.f32[at] = (arena.f32[at] ?? 0) + 1;
        else arena.i32[at] = (arena.i32[at] ?? 0) ^ 1;
      });
      for (const [i, kind] of kinds.entries()) (wasExact[i] === true ? exact : others).add(kind);
      assert.deepEqual([exact, others], [new Set(["different"]), new Set(["rounded"])]);
    }
  });
});
