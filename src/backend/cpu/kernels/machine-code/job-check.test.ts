import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededNumbers } from "../../../seeded-numbers.ts";
import type { KernelName } from "../jobs.ts";
import { KernelArena } from "../self-test/kernel-arena.ts";
import type { KernelCase } from "../self-test/kernel-case.ts";
import { kernelCases, type TriedKernel } from "../self-test/kernel-cases.ts";
import { jobCheck } from "./job-check.ts";
import { addressOf, whyNoLoader } from "./loading/loader.ts";

const arenaBytes = 1 << 20;
/** Without `out`, which attention does not write if it keeps partials. */
const operands = ["weights", "input", "query", "kv", "positions", "items", "scratch", "blockTables"];

describe("a job's operands are checked before the call", { skip: whyNoLoader() ?? false }, () => {
  for (const kernel of Object.keys(kernelCases) as TriedKernel[])
    test(`${kernel}: sound jobs pass; each operand moved to the arena's end is refused by its name`, () => {
      const arena = new KernelArena(arenaBytes, addressOf);
      const random = new SeededNumbers(31);
      const check = jobCheck(kernel, arena.memory);
      for (let i = 0; i < 50; i++) {
        arena.reset();
        const { values, numUnits }: KernelCase = kernelCases[kernel](arena, random, "thorough");
        const whole = { start: 0, end: numUnits };
        check.look(arena.placeJob(kernel, values, whole));
        for (const operand of operands) {
          if (!(operand in values)) continue;
          const job = arena.placeJob<KernelName>(kernel, { ...values, [operand]: arenaBytes }, whole);
          assert.throws(() => check.look(job), new RegExp(`${kernel}: (${operand} at|an item of)`), operand);
        }
      }
    });

  test("a part beyond the matrix and columns that are not whole groups are refused", () => {
    const arena = new KernelArena(arenaBytes, addressOf);
    const { values, numUnits } = kernelCases.matmulQ4(arena, new SeededNumbers(1), "brief");
    const check = jobCheck("matmulQ4", arena.memory);
    const job = arena.placeJob<KernelName>("matmulQ4", values, { start: 0, end: numUnits + 1 });
    assert.throws(() => check.look(job), /matmulQ4: part 0 to \d+ of \d+/);
    const odd = arena.placeJob<KernelName>(
      "matmulQ4",
      { ...values, numCols: 33 },
      { start: 0, end: numUnits },
    );
    assert.throws(() => check.look(odd), /33 columns, not whole groups/);
  });
});
