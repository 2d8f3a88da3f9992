/** @module Cuts the weights into tasks that threads take one by one while loading. */
import { repackedBytes } from "../../encodings/transcoded-types.ts";
import type { WeightDeclaration } from "../../program.ts";
import { maxTaskRows } from "../footprint/buffer-sizes.ts";
import type { RankedProgram } from "../footprint/ranked-program.ts";
import { rowsPerPack } from "../footprint/weight-layout.ts";

/** Destination rows [firstRow, firstRow + numRows) of a weight; firstRow is a multiple of 8. A vector is one task. */
export interface WeightTask {
  readonly weight: WeightDeclaration;
  readonly firstRow: number;
  readonly numRows: number;
}

/** Every task's rows, as the kernels get them, fit `stagingBytes`; the order is the same in every thread. */
export function weightTasks(program: RankedProgram, stagingBytes: number): readonly WeightTask[] {
  return program.weights.flatMap((weight) => {
    const taskRows = rowsPerTask(weight, stagingBytes);
    const numTasks = Math.ceil(weight.numRows / taskRows);
    return [...Array(numTasks).keys()].map((task) => ({
      weight,
      firstRow: task * taskRows,
      numRows: Math.min(taskRows, weight.numRows - task * taskRows),
    }));
  });
}

/** Rows of a task: whole row packs; where rows of heads are stored interleaved, whole heads if staging holds them. */
function rowsPerTask({ numRows, origin }: WeightDeclaration, stagingBytes: number): number {
  const rowBytes = repackedBytes(origin.type, origin.numBytes) / numRows;
  const fittingRows = Math.min(maxTaskRows, Math.floor(stagingBytes / rowBytes));
  const headDim = origin.interleavedHeads?.headDim ?? 1;
  const headRows = leastCommonMultiple(headDim, rowsPerPack);
  const unitRows = headRows <= fittingRows ? headRows : rowsPerPack;
  return Math.max(unitRows, Math.floor(fittingRows / unitRows) * unitRows);
}

/** Stored row of destination row `row` (WeightOrigin.interleavedHeads). */
export function storedRow(row: number, headDim: number | null): number {
  if (headDim === null) return row;
  const [head, i, half] = [Math.floor(row / headDim), row % headDim, headDim / 2];
  return head * headDim + (i < half ? 2 * i : 2 * (i - half) + 1);
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = a;
  while (multiple % b !== 0) multiple += a;
  return multiple;
}
