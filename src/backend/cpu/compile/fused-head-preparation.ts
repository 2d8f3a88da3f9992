/**
 * @module Finds operations between the projections and attention that one kernel can do for one KV head at a time. Only the
 * attention of a KV head reads what they write for it, so other threads need not wait for it (`prepareHeads` in `jobs.ts`).
 *
 *   a row of the projections   query heads of KV head 0 │ … of KV head 1 │ … │ key 0 │ key 1 │ … │ value 0 │ value 1 │ …
 */
import type { Columns } from "../../program.ts";
import type { RankedOperation, RankedProgram } from "../footprint/ranked-program.ts";

export type OperationOf<K extends RankedOperation["kind"]> = Extract<RankedOperation, { readonly kind: K }>;

/** Operations in the order in which they follow each other. */
export interface HeadPreparation {
  readonly queryNorm: OperationOf<"headNorm"> | null;
  readonly keyNorm: OperationOf<"headNorm"> | null;
  /** Rotates query heads and keys together. */
  readonly rope: OperationOf<"rope">;
  readonly storeKv: OperationOf<"storeKv">;
  readonly attention: OperationOf<"attention">;
}

/** The preparations of a program, by each of their operations. */
export function headPreparations(
  program: RankedProgram,
  operations: readonly RankedOperation[],
): ReadonlyMap<RankedOperation, HeadPreparation> {
  const groups = new Map<RankedOperation, HeadPreparation>();
  for (const index of operations.keys()) {
    const group = headPreparationAt(program, operations, index);
    if (group === null) continue;
    for (const operation of Object.values(group)) if (operation !== null) groups.set(operation, group);
  }
  return groups;
}

/** The preparation whose rope is operation `index`; null if there is none. */
function headPreparationAt(
  program: RankedProgram,
  operations: readonly RankedOperation[],
  index: number,
): HeadPreparation | null {
  const [rope, storeKv, attention] = operations.slice(index);
  if (rope?.kind !== "rope" || storeKv?.kind !== "storeKv" || attention?.kind !== "attention") return null;
  const layer = program.kvLayers[attention.kvLayer];
  if (layer === undefined || storeKv.kvLayer !== attention.kvLayer) return null;
  const keyOffset = attention.query.offset + attention.numHeads * layer.headDim;
  const turnsBoth =
    isSame(rope.at, attention.query) &&
    isSame(storeKv.key, { ...rope.at, offset: keyOffset }) &&
    storeKv.value.bufferId === storeKv.key.bufferId &&
    rope.headDim === layer.headDim &&
    rope.numHeads === attention.numHeads + layer.numKvHeads;
  if (!turnsBoth) return null;
  const norms = headNorms(operations.slice(0, index), attention.query, storeKv.key, layer.headDim);
  return { ...norms, rope, storeKv, attention };
}

/** The last two operations, if they norm the query heads and then the keys. It takes both or neither: the kernel has one eps. */
function headNorms(
  operations: readonly RankedOperation[],
  query: Columns,
  key: Columns,
  headDim: number,
): Pick<HeadPreparation, "queryNorm" | "keyNorm"> {
  const [queryNorm, keyNorm] = operations.slice(-2);
  const isBoth =
    queryNorm?.kind === "headNorm" &&
    keyNorm?.kind === "headNorm" &&
    isSame(queryNorm.at, query) &&
    isSame(keyNorm.at, key) &&
    queryNorm.headDim === headDim &&
    keyNorm.headDim === headDim &&
    queryNorm.eps === keyNorm.eps;
  return isBoth ? { queryNorm, keyNorm } : { queryNorm: null, keyNorm: null };
}

function isSame(a: Columns, b: Columns): boolean {
  return a.bufferId === b.bufferId && a.offset === b.offset;
}
