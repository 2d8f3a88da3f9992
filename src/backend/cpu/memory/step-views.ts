/** @module The engine's side of a step: typed arrays over arena 0, by the names of StepInputs and StepResults. */
import { invariant } from "../../../core/errors.ts";
import type { StepInputs, StepLimits, StepResults } from "../../backend.ts";
import { blocksPerSequence, type StepArray, stepInputArrays, stepResultArrays } from "../../step-layout.ts";
import type { ArenaLayout } from "./layout.ts";

type StepNumbers = Int32Array | Float32Array | Float64Array | Uint8Array;

function numbersAt(memory: WebAssembly.Memory, array: StepArray, offset: number): StepNumbers {
  const { buffer } = memory;
  switch (array.type) {
    case "i32":
      return new Int32Array(buffer, offset, array.numElements);
    case "f32":
      return new Float32Array(buffer, offset, array.numElements);
    case "f64":
      return new Float64Array(buffer, offset, array.numElements);
    case "u8":
      return new Uint8Array(buffer, offset, array.numElements);
  }
}

function viewsByName(
  memory: WebAssembly.Memory,
  arrays: readonly StepArray[],
  offsets: ReadonlyMap<string, number>,
): Readonly<Record<string, StepNumbers>> {
  const entries = arrays.map((array) => {
    const offset = offsets.get(array.name);
    invariant(offset !== undefined, () => `step array ${array.name} has no place in arena 0`);
    return [array.name, numbersAt(memory, array, offset)] as const;
  });
  return Object.fromEntries(entries);
}

/** `stepInputArrays` declares each name with the type that StepInputs and SamplingInputs give it. */
export function stepInputViews(
  memory: WebAssembly.Memory,
  layout: ArenaLayout,
  limits: StepLimits,
  vocabularyWidth: number,
): StepInputs {
  const views = viewsByName(memory, stepInputArrays(limits, vocabularyWidth), layout.inputs);
  const sampling = views as unknown as StepInputs["sampling"];
  const inputs = views as unknown as Omit<StepInputs, "sampling">;
  return {
    numTokens: 0,
    numSlices: 0,
    numOutputs: 0,
    tokenIds: inputs.tokenIds,
    positions: inputs.positions,
    slots: inputs.slots,
    sliceStarts: inputs.sliceStarts,
    blockTables: inputs.blockTables,
    maxBlocksPerSequence: blocksPerSequence(limits),
    outputRows: inputs.outputRows,
    sampling,
  };
}

export function stepResultViews(
  memory: WebAssembly.Memory,
  layout: ArenaLayout,
  limits: StepLimits,
): StepResults {
  return viewsByName(memory, stepResultArrays(limits), layout.results) as unknown as StepResults;
}
