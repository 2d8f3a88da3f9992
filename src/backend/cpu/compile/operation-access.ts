/** @module Which buffers an operation reads and which it overwrites: fusing and copying between arenas depend on it. */
import type { RankedOperation, RankedProgram } from "../footprint/ranked-program.ts";

/** Buffers whose contents the operation uses, including those that it changes in place. */
function buffersRead(operation: RankedOperation): readonly number[] {
  switch (operation.kind) {
    case "embed":
      return [];
    case "headNorm":
    case "rope":
      return [operation.at.bufferId];
    case "linear":
      return operation.accumulate ? [operation.input, operation.out] : [operation.input];
    case "storeKv":
      return [operation.key.bufferId, operation.value.bufferId];
    case "attention":
      return [operation.query.bufferId];
    case "add":
      return [operation.input, operation.out];
    case "softcap":
      return [operation.buffer];
    case "rmsNorm":
    case "glu":
    case "gatherOutputs":
      return [operation.input];
  }
}

/** The buffer that the operation overwrites completely; null if there is none. */
export function bufferOverwritten(operation: RankedOperation): number | null {
  switch (operation.kind) {
    case "embed":
    case "rmsNorm":
    case "attention":
    case "glu":
    case "gatherOutputs":
      return operation.out;
    case "linear":
      return operation.accumulate ? null : operation.out;
    case "headNorm":
    case "rope":
    case "storeKv":
    case "add":
    case "softcap":
      return null;
  }
}

/** Buffers that the operations from `index` on read before they overwrite them. */
export function buffersLiveAt(operations: readonly RankedOperation[], index: number): readonly number[] {
  const live = new Set<number>();
  for (const operation of operations.slice(index).toReversed()) {
    const overwritten = bufferOverwritten(operation);
    if (overwritten !== null) live.delete(overwritten);
    for (const bufferId of buffersRead(operation)) live.add(bufferId);
  }
  return [...live];
}

/** True where every matrix of the operation takes quantized activations. */
function takesQuantizedInput(program: RankedProgram, operation: RankedOperation): boolean {
  return (
    operation.kind === "linear" &&
    operation.parts.every(({ weightId }) => {
      const storage = program.weights[weightId]?.storage;
      return storage === "q4" || storage === "q8";
    })
  );
}

/**
 * True where only products with quantized activations read the result of operation `index`, and nothing else is quantized
 * before they have: then its f32 row need not exist.
 */
export function isReadOnlyQuantized(
  program: RankedProgram,
  operations: readonly RankedOperation[],
  index: number,
): boolean {
  const writer = operations[index];
  const bufferId = writer === undefined ? null : bufferOverwritten(writer);
  let hasReader = false;
  for (const operation of operations.slice(index + 1)) {
    const reads = buffersRead(operation).includes(bufferId ?? -1);
    if (operation.kind === "linear" && operation.input !== bufferId) {
      // It may quantize its own input into the one buffer for quantized rows.
      if (reads) return false;
      if (isReadLater(operations, operations.indexOf(operation), bufferId)) return false;
      return hasReader;
    }
    if (reads && !takesQuantizedInput(program, operation)) return false;
    hasReader ||= reads;
    if (bufferOverwritten(operation) === bufferId) return hasReader;
  }
  return hasReader;
}

function isReadLater(
  operations: readonly RankedOperation[],
  index: number,
  bufferId: number | null,
): boolean {
  return bufferId !== null && buffersLiveAt(operations, index).includes(bufferId);
}
