/**
 * @module The part of a program that one rank runs: tensor parallelism without sums across ranks.
 *
 * Every matrix is cut by its output rows, so each number is computed by one rank, in the same order as without ranks:
 *
 *   q, k, v     the rank's heads             its buffer holds these alone, and so does its KV cache
 *   attention   the rank's heads             into its columns of a whole row
 *   gate, up    the same rows of both        its buffer holds these alone
 *   glu, o, down                             into its columns of a whole row
 *   head        the rank's part of the vocabulary
 *
 * An `exchange` after each of the last four copies the columns of the other ranks, so that every rank has the whole row. Norms
 * and additions of whole rows are done by every rank for itself.
 */
import { invariant, PagodaError } from "../../../core/errors.ts";
import type { Operation, Program, WeightDeclaration } from "../../program.ts";
import { type HeadShare, headShare, type Range, type RankPlace, rowShare, widthOf } from "./rank-shares.ts";
import { WeightParts } from "./weight-parts.ts";

type OperationOf<K extends Operation["kind"]> = Extract<Operation, { readonly kind: K }>;

/** Columns of `out` that the operation writes begin here; absent: 0. */
interface Placed {
  readonly outColumn?: number;
}

/** Copies what other ranks computed of the rows of `buffer`. */
export interface ExchangeOperation {
  readonly kind: "exchange";
  readonly buffer: number;
  /** `columns`: each rank wrote its own columns. `tokens`: it wrote the rows of tokens that lie in its part of the embedding. */
  readonly by: "columns" | "tokens";
  /** By rank. Columns of the whole row, or tokens of the vocabulary. */
  readonly parts: readonly Range[];
  /** True where rank 0 alone needs the whole row: then the rows of the other ranks hold their own columns only. */
  readonly isForFirstRank: boolean;
}

export type RankOperation =
  | Exclude<Operation, { readonly kind: "linear" | "attention" | "glu" | "softcap" }>
  | (OperationOf<"linear" | "attention" | "glu"> & Placed)
  /** numColumns: only so many of the first columns; absent: all. */
  | (OperationOf<"softcap"> & { readonly numColumns?: number })
  | ExchangeOperation;

/** A whole program is the only rank's. */
export interface RankProgram extends Omit<Program, "body" | "head"> {
  readonly body: readonly RankOperation[];
  readonly head: readonly RankOperation[];
}

/** @throws PagodaError `invalid_option` where the model cannot be divided among so many ranks. */
export function rankProgram(program: Program, place: RankPlace): RankProgram {
  return place.numRanks === 1 ? program : new Division(program, place).divided();
}

/** How the numbers of a row of a buffer are divided. */
type Cut =
  | {
      readonly kind: "heads";
      readonly headDim: number;
      readonly numHeads: number;
      readonly numKvHeads: number;
    }
  | { readonly kind: "gated"; readonly width: number };

class Division {
  readonly #program: Program;
  readonly #place: RankPlace;
  readonly #weights: WeightParts;
  /** By bufferId, of buffers that hold the rank's own columns only. */
  readonly #cuts: ReadonlyMap<number, Cut>;

  constructor(program: Program, place: RankPlace) {
    this.#program = program;
    this.#place = place;
    this.#weights = new WeightParts(program.weights);
    this.#cuts = cutsOf(program);
  }

  divided(): RankProgram {
    const { body, head, layerStarts, buffers, kvLayers } = this.#program;
    const parts = body.map((operation) => this.#operations(operation));
    const startOf = (index: number): number => parts.slice(0, index).flat().length;
    const headParts = [...head.flatMap((operation) => this.#operations(operation)), this.#exchangeLogits()];
    return {
      ...this.#program,
      body: parts.flat(),
      head: headParts,
      layerStarts: layerStarts.map(startOf),
      buffers: buffers.map((buffer) => ({ ...buffer, width: this.#bufferWidth(buffer.bufferId) })),
      kvLayers: kvLayers.map((layer, kvLayer) => ({
        ...layer,
        numKvHeads: widthOf(this.#headsOfLayer(kvLayer).kv),
      })),
      weights: this.#weights.declared,
    };
  }

  #operations(operation: Operation): RankOperation[] {
    switch (operation.kind) {
      case "embed":
        return this.#embed(operation);
      case "linear":
        return this.#linear(operation);
      case "headNorm":
        return [this.#headNorm(operation)];
      case "rope": {
        const heads = this.#heads(operation.at.bufferId);
        return [{ ...operation, numHeads: widthOf(heads.query) + widthOf(heads.kv) }];
      }
      case "storeKv":
        return [this.#storeKv(operation)];
      case "attention": {
        const { query } = this.#headsOfLayer(operation.kvLayer);
        const { headDim } = this.#kvLayer(operation.kvLayer);
        const placed = { ...operation, numHeads: widthOf(query), outColumn: query.first * headDim };
        return [
          placed,
          this.#exchange(operation.out, (place) =>
            scaled(this.#headsOfLayer(operation.kvLayer, place).query, headDim),
          ),
        ];
      }
      case "glu": {
        const share = (place: RankPlace): Range => rowShare(this.#width(operation.out), place);
        return [{ ...operation, outColumn: share(this.#place).first }, this.#exchange(operation.out, share)];
      }
      case "softcap":
        return [{ ...operation, numColumns: widthOf(rowShare(this.#width(operation.buffer), this.#place)) }];
      default:
        return [operation];
    }
  }

  #embed(operation: OperationOf<"embed">): RankOperation[] {
    const numTokens = this.#weight(operation.weightId).numRows;
    const share = (place: RankPlace): Range => rowShare(numTokens, place);
    const [weightId] = this.#weights.rows(operation.weightId, [share(this.#place)]);
    invariant(weightId !== undefined, () => "a rank has a part of the embedding");
    return [
      { ...operation, weightId },
      { ...this.#exchange(operation.out, share), by: "tokens" },
    ];
  }

  #linear(operation: OperationOf<"linear">): RankOperation[] {
    const { out } = operation;
    const cut = this.#cuts.get(out);
    const width = operation.parts.reduce((sum, part) => sum + this.#weight(part.weightId).numRows, 0);
    if (cut !== undefined) return [this.#linearOf(operation, this.#ownRanges(cut))];
    const share = (place: RankPlace): Range => rowShare(width, place);
    const own = this.#linearOf(operation, [share(this.#place)]);
    if (out === this.#program.logits) return [own];
    return [{ ...own, outColumn: share(this.#place).first }, this.#exchange(out, share)];
  }

  /** The operation on `ranges` of the rows of all its matrices, counted through. */
  #linearOf(operation: OperationOf<"linear">, ranges: readonly Range[]): OperationOf<"linear"> {
    let firstRow = 0;
    const parts = operation.parts.flatMap(({ weightId, biasId }) => {
      const { numRows } = this.#weight(weightId);
      const own = ranges.flatMap((range) => intersection(range, firstRow, numRows));
      firstRow += numRows;
      const weightIds = this.#weights.rows(weightId, own);
      const biasIds = biasId === null ? null : this.#weights.numbers(biasId, own);
      return weightIds.map((id, i) => ({ weightId: id, biasId: biasIds?.[i] ?? null }));
    });
    return { ...operation, parts };
  }

  #ownRanges(cut: Cut): readonly Range[] {
    if (cut.kind === "gated") {
      const own = rowShare(cut.width, this.#place);
      return [own, shifted(own, cut.width)];
    }
    const { headDim, numHeads, numKvHeads } = cut;
    const { query, kv } = headShare(numHeads, numKvHeads, this.#place);
    const key = shifted(scaled(kv, headDim), numHeads * headDim);
    return [scaled(query, headDim), key, shifted(key, numKvHeads * headDim)];
  }

  #headNorm(operation: OperationOf<"headNorm">): RankOperation {
    const { bufferId, offset } = operation.at;
    const { query, kv } = this.#heads(bufferId);
    const cut = this.#cuts.get(bufferId);
    if (cut?.kind !== "heads" || operation.headDim !== cut.headDim)
      throw new PagodaError(
        "invalid_option",
        `${this.#program.architecture} norms all heads of a layer together, so ${this.#place.numRanks} ranks cannot divide them.`,
        { hint: "Use --tensor-parallel-size 1." },
      );
    return offset === 0
      ? { ...operation, numHeads: widthOf(query) }
      : { ...operation, at: { bufferId, offset: widthOf(query) * cut.headDim }, numHeads: widthOf(kv) };
  }

  #storeKv(operation: OperationOf<"storeKv">): RankOperation {
    const { query, kv } = this.#headsOfLayer(operation.kvLayer);
    const { headDim } = this.#kvLayer(operation.kvLayer);
    const keyOffset = widthOf(query) * headDim;
    return {
      ...operation,
      key: { ...operation.key, offset: keyOffset },
      value: { ...operation.value, offset: keyOffset + widthOf(kv) * headDim },
    };
  }

  #exchange(buffer: number, share: (place: RankPlace) => Range): ExchangeOperation {
    return { kind: "exchange", buffer, by: "columns", parts: this.#ofEachRank(share), isForFirstRank: false };
  }

  #exchangeLogits(): ExchangeOperation {
    const { logits } = this.#program;
    return {
      ...this.#exchange(logits, (place) => rowShare(this.#width(logits), place)),
      isForFirstRank: true,
    };
  }

  #ofEachRank(share: (place: RankPlace) => Range): readonly Range[] {
    const { numRanks } = this.#place;
    return [...Array(numRanks).keys()].map((rank) => share({ rank, numRanks }));
  }

  #bufferWidth(bufferId: number): number {
    const cut = this.#cuts.get(bufferId);
    if (cut !== undefined) return this.#ownRanges(cut).reduce((sum, range) => sum + widthOf(range), 0);
    const width = this.#width(bufferId);
    const isOwnPart = bufferId === this.#program.logits && this.#place.rank > 0;
    return isOwnPart ? widthOf(rowShare(width, this.#place)) : width;
  }

  #heads(bufferId: number): HeadShare {
    const cut = this.#cuts.get(bufferId);
    invariant(cut?.kind === "heads", () => `buffer ${bufferId} holds no heads`);
    return headShare(cut.numHeads, cut.numKvHeads, this.#place);
  }

  #headsOfLayer(kvLayer: number, place = this.#place): HeadShare {
    const attention = this.#program.body.find(
      (operation) => operation.kind === "attention" && operation.kvLayer === kvLayer,
    );
    invariant(attention?.kind === "attention", () => `no operation reads KV layer ${kvLayer}`);
    return headShare(attention.numHeads, this.#kvLayer(kvLayer).numKvHeads, place);
  }

  #kvLayer(kvLayer: number): Program["kvLayers"][number] {
    const layer = this.#program.kvLayers[kvLayer];
    invariant(layer !== undefined, () => `there is no KV layer ${kvLayer}`);
    return layer;
  }

  #weight(weightId: number): WeightDeclaration {
    const weight = this.#program.weights[weightId];
    invariant(weight !== undefined, () => `there is no weight ${weightId}`);
    return weight;
  }

  #width(bufferId: number): number {
    return this.#program.buffers[bufferId]?.width ?? 0;
  }
}

/** Buffers from which heads or gated units are read, whose columns nobody else needs. */
function cutsOf({ body, buffers, kvLayers }: Program): ReadonlyMap<number, Cut> {
  const cuts = new Map<number, Cut>();
  for (const operation of body) {
    if (operation.kind === "glu")
      cuts.set(operation.input, { kind: "gated", width: buffers[operation.out]?.width ?? 0 });
    if (operation.kind !== "attention") continue;
    const layer = kvLayers[operation.kvLayer];
    if (layer === undefined) continue;
    const { headDim, numKvHeads } = layer;
    cuts.set(operation.query.bufferId, { kind: "heads", headDim, numHeads: operation.numHeads, numKvHeads });
  }
  return cuts;
}

function intersection(range: Range, firstRow: number, numRows: number): Range[] {
  const first = Math.max(range.first - firstRow, 0);
  const end = Math.min(range.end - firstRow, numRows);
  return first < end ? [{ first, end }] : [];
}

function scaled({ first, end }: Range, factor: number): Range {
  return { first: first * factor, end: end * factor };
}

function shifted({ first, end }: Range, by: number): Range {
  return { first: first + by, end: end + by };
}
