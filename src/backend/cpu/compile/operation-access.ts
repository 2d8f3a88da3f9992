/** @module Which buffers an operation reads and which it overwrites: fusing and copying between arenas depend on it. */
import type { RankOperation, RankProgram } from "../footprint/rank-program.ts";

/** Buffers whose contents the operation uses, including those that it changes in place. */
function buffersRead(operation: RankOperation): readonly number[] {
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
    case "exchange":
      return [operation.buffer];
  }
}

/** The buffer that the operation overwrites completely; null if there is none. */
export function bufferOverwritten(operation: RankOperation): number | null {
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
    case "exchange":
      return null;
  }
}

/** The buffer in which the operation writes. */
function bufferWritten(operation: RankOperation): number | null {
  switch (operation.kind) {
    case "headNorm":
    case "rope":
      return operation.at.bufferId;
    case "softcap":
      return operation.buffer;
    case "storeKv":
    case "exchange":
      return null;
    default:
      return operation.out;
  }
}

/** True where a rank may change its rows of `bufferId` after exchange `index` while others still copy from them. */
export function changesBeforeExchange(
  operations: readonly RankOperation[],
  index: number,
  bufferId: number,
): boolean {
  for (const operation of operations.slice(index + 1)) {
    if (operation.kind === "exchange") return false;
    if (bufferWritten(operation) === bufferId) return true;
  }
  return false;
}

/** Buffers that the operations from `index` on read before they overwrite them. */
export function buffersLiveAt(operations: readonly RankOperation[], index: number): readonly number[] {
  const live = new Set<number>();
  for (const operation of operations.slice(index).toReversed()) {
    const overwritten = bufferOverwritten(operation);
    if (overwritten !== null) live.delete(overwritten);
    for (const bufferId of buffersRead(operation)) live.add(bufferId);
  }
  return [...live];
}

/** True where every matrix of the operation takes quantized activations. */
function takesQuantizedInput(program: RankProgram, operation: RankOperation): boolean {
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
  program: RankProgram,
  operations: readonly RankOperation[],
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

function isReadLater(operations: readonly RankOperation[], index: number, bufferId: number | null): boolean {
  return bufferId !== null && buffersLiveAt(operations, index).includes(bufferId);
}
