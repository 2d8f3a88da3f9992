import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededNumbers } from "../../../seeded-numbers.ts";
import { KernelArena } from "../self-test/kernel-arena.ts";
import { placeMatmul } from "../self-test/quantized-matmul-case.ts";
import { guardedCall } from "./guarded-call.ts";
import { jobCheck } from "./job-check.ts";
import { addressOf, whyNoLoader } from "./loading/loader.ts";

describe("guards around a job's results", { skip: whyNoLoader() ?? false }, () => {
  const arena = new KernelArena(1 << 20, addressOf);
  const shape = { storage: "q4", numTokens: 3, numRows: 16, numCols: 64 } as const;
  const values = placeMatmul(arena, new SeededNumbers(1), {
    ...shape,
    hasBias: false,
    accumulate: false,
    scale: 1,
  });
  const { out, outStride } = values;
  const end = out + outStride * (shape.numTokens - 1) + 4 * shape.numRows;
  const job = arena.placeJob("matmulQ4", values, { start: 0, end: 2 });

  /** A kernel that writes one byte. */
  const writing = (at: number): ((jobOffset: number) => void) =>
    guardedCall("matmulQ4", arena.memory, jobCheck("matmulQ4", arena.memory), () => {
      arena.bytes[at] = (arena.bytes[at] ?? 0) ^ 255;
    });

  test("inside its results a kernel may write", () => {
    writing(out)(job);
    writing(end - 1)(job);
  });
  test("a write before or after them is found, with its place", () => {
    assert.throws(
      () => writing(out - 1)(job),
      new RegExp(`matmulQ4 wrote byte ${out - 1}, its results are ${out} to ${end}`),
    );
    assert.throws(() => writing(end)(job), new RegExp(`matmulQ4 wrote byte ${end}`));
  });
});
