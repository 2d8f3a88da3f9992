/**
 * @module A program divided among ranks: tensor parallelism without sums across ranks, and without copies between them.
 *
 * Every matrix is cut by its output rows, so each number is computed by one rank, in the same order as without ranks:
 *
 *   q, k, v     the rank's heads
 *   attention   the rank's heads, over its own KV cache
 *   gate, up    the same rows of both
 *   o, down     rows
 *   head        rows: the rank's part of the vocabulary
 *
 * Ranks write their columns of rows that all of them read. Where there are fewer KV heads than ranks, neighboring ranks compute
 * and keep the same one; each has columns of its own for it:
 *
 *   a row of q, k, v   query heads │ keys of rank 0 │ keys of rank 1 │ … │ values of rank 0 │ values of rank 1 │ …
 */
import { invariant, PagodaError } from "../../../core/errors.ts";
import type { ModelShape, WeightShape } from "../../../core/footprint.ts";
import type { KvLayerShape } from "../../../core/kv-layout.ts";
import type { KvLayer, Operation, Program, WeightDeclaration } from "../../program.ts";
import { type HeadShare, headShare, type Range, rowShare, widthOf } from "./rank-shares.ts";
import { type OfRank, type RankedWeight, WeightParts } from "./weight-parts.ts";

type OperationOf<K extends Operation["kind"]> = Extract<Operation, { readonly kind: K }>;

interface KvOfRanks {
  /** KV heads of each rank, by rank; `numKvHeads` is their sum. Absent: one rank has them all. */
  readonly rankKvHeads?: readonly number[];
}

interface LinearPart {
  readonly weightId: number;
  readonly biasId: number | null;
  /** The matrix's rows; absent: all. */
  readonly rows?: Range;
  /** Columns of the output begin here; absent: after those of the part before. */
  readonly outColumn?: number;
  /** Absent: 0. */
  readonly rank?: number;
}

interface HeadsOfRanks {
  /** By rank; KV heads counted as they lie in a row. Absent: one rank has them all. */
  readonly ranks?: readonly HeadShare[];
}

export type RankedOperation =
  | Exclude<Operation, { readonly kind: "linear" | "attention" | "storeKv" }>
  | (Omit<OperationOf<"linear">, "parts"> & { readonly parts: readonly LinearPart[] })
  | (OperationOf<"attention"> & HeadsOfRanks)
  | (OperationOf<"storeKv"> & HeadsOfRanks);

/** A `Program` is one of a single rank. */
export interface RankedProgram extends Omit<Program, "body" | "head" | "weights" | "kvLayers"> {
  /** Absent: 1. */
  readonly numRanks?: number;
  readonly weights: readonly RankedWeight[];
  readonly kvLayers: readonly (KvLayer & KvOfRanks)[];
  readonly body: readonly RankedOperation[];
  readonly head: readonly RankedOperation[];
}

/** What the footprint reads of a `RankedProgram`; a `ModelShape` is one of a single rank. */
export interface RankedShape extends Omit<ModelShape, "weights" | "kvLayers" | "body" | "head"> {
  readonly numRanks?: number;
  readonly weights: readonly (WeightShape & OfRank)[];
  readonly kvLayers: readonly (KvLayerShape & KvOfRanks)[];
  readonly body: readonly (ModelShape["body"][number] & HeadsOfRanks)[];
  readonly head: ModelShape["head"];
}

/** @throws PagodaError `invalid_option` where the model cannot be divided among so many ranks. */
export function rankedProgram(program: Program, numRanks: number): RankedProgram {
  return numRanks === 1 ? program : new Division(program, numRanks).divided();
}

interface HeadCut {
  readonly headDim: number;
  readonly numHeads: number;
  /** Of the model. */
  readonly numKvHeads: number;
  /** By rank; KV heads of the model. */
  readonly shares: readonly HeadShare[];
  /** By rank: where its KV heads begin among those of all ranks. */
  readonly kvStarts: readonly number[];
  /** KV heads of all ranks. */
  readonly numRankKvHeads: number;
}

class Division {
  readonly #program: Program;
  readonly #numRanks: number;
  readonly #weights: WeightParts;
  /** Matrices that the program reads by tokens too, so that they stay whole. */
  readonly #whole: ReadonlySet<number>;
  /** By bufferId: rows of queries, keys and values. */
  readonly #heads: ReadonlyMap<number, HeadCut>;
  /** By bufferId: the width of the gated unit that reads it. */
  readonly #gated: ReadonlyMap<number, number>;

  constructor(program: Program, numRanks: number) {
    this.#program = program;
    this.#numRanks = numRanks;
    this.#weights = new WeightParts(program.weights);
    const { body, buffers } = program;
    this.#whole = new Set(body.flatMap((one) => (one.kind === "embed" ? [one.weightId] : [])));
    this.#heads = headCuts(program, numRanks);
    this.#gated = new Map(
      body.flatMap((one) => (one.kind === "glu" ? [[one.input, buffers[one.out]?.width ?? 0]] : [])),
    );
  }

  divided(): RankedProgram {
    const { body, head, buffers, kvLayers } = this.#program;
    const divided = {
      body: body.map((operation) => this.#operation(operation)),
      head: head.map((operation) => this.#operation(operation)),
    };
    const cuts = kvLayers.map((_, kvLayer) => this.#cutOfLayer(kvLayer));
    return {
      ...this.#program,
      ...divided,
      numRanks: this.#numRanks,
      buffers: buffers.map((buffer) => ({ ...buffer, width: this.#width(buffer.bufferId) })),
      kvLayers: kvLayers.map((layer, kvLayer) => ({
        ...layer,
        numKvHeads: cuts[kvLayer]?.numRankKvHeads ?? layer.numKvHeads,
        rankKvHeads: cuts[kvLayer]?.shares.map(({ kv }) => widthOf(kv)) ?? [],
      })),
      weights: this.#weights.declared.map((weight) => this.#withRows(weight)),
    };
  }

  #withRows(weight: RankedWeight): RankedWeight {
    if (!this.#whole.has(weight.weightId)) return weight;
    return { ...weight, rankRows: this.#ofEachRank((rank) => this.#rows(weight.numRows, rank)) };
  }

  #operation(operation: Operation): RankedOperation {
    switch (operation.kind) {
      case "linear":
        return { ...operation, parts: this.#parts(operation) };
      case "headNorm":
        return this.#headNorm(operation);
      case "rope": {
        const cut = this.#heads.get(operation.at.bufferId);
        const numRepeated = cut === undefined ? 0 : cut.numRankKvHeads - cut.numKvHeads;
        return { ...operation, numHeads: operation.numHeads + numRepeated };
      }
      case "storeKv": {
        const { value, kvLayer } = operation;
        const { headDim, numKvHeads, numRankKvHeads } = this.#cutOfLayer(kvLayer);
        const offset = value.offset + (numRankKvHeads - numKvHeads) * headDim;
        return { ...operation, value: { ...value, offset }, ranks: this.#places(kvLayer) };
      }
      case "attention":
        return { ...operation, ranks: this.#places(operation.kvLayer) };
      default:
        return operation;
    }
  }

  /** Rank by rank, so that each has consecutive units of the product. */
  #parts(operation: OperationOf<"linear">): LinearPart[] {
    return this.#ofEachRank((rank) => {
      const placed = this.#outputs(operation, rank);
      return placed.flatMap(({ rows, outColumn }) => this.#partsOf(operation, rank, rows, outColumn));
    }).flat();
  }

  /** The rank's ranges of the rows of all matrices of an operation, counted through, and where each lies in a row of the output. */
  #outputs({ out, parts }: OperationOf<"linear">, rank: number): { rows: Range; outColumn: number }[] {
    const gated = this.#gated.get(out);
    const heads = this.#heads.get(out);
    if (gated !== undefined) {
      const own = this.#rows(gated, rank);
      return [own, shifted(own, gated)].map((rows) => ({ rows, outColumn: rows.first }));
    }
    if (heads !== undefined) return headOutputs(heads, rank);
    const numRows = parts.reduce((sum, { weightId }) => sum + this.#weight(weightId).numRows, 0);
    const rows = this.#rows(numRows, rank);
    return [{ rows, outColumn: rows.first }];
  }

  #partsOf({ parts }: OperationOf<"linear">, rank: number, range: Range, outColumn: number): LinearPart[] {
    let firstRow = 0;
    let column = outColumn;
    return parts.flatMap(({ weightId, biasId }) => {
      const { numRows } = this.#weight(weightId);
      const rows = intersection(range, firstRow, numRows);
      firstRow += numRows;
      if (rows === null) return [];
      const isWhole = this.#whole.has(weightId);
      const part = {
        weightId: isWhole ? weightId : this.#weights.rows(weightId, rows, rank),
        ...(isWhole ? { rows } : {}),
        biasId: biasId === null ? null : this.#weights.numbers(biasId, rows, rank),
        outColumn: column,
        rank,
      };
      column += widthOf(rows);
      return [part];
    });
  }

  #headNorm(operation: OperationOf<"headNorm">): RankedOperation {
    const cut = this.#heads.get(operation.at.bufferId);
    if (cut === undefined || cut.numRankKvHeads === cut.numKvHeads || operation.at.offset === 0)
      return operation;
    if (operation.headDim !== cut.headDim)
      throw new PagodaError(
        "invalid_option",
        `${this.#program.architecture} norms all ${cut.numKvHeads} KV heads of a layer together, so ${this.#numRanks} ranks cannot divide them.`,
        { hint: `Use --tensor-parallel-size ${cut.numKvHeads}.` },
      );
    return { ...operation, numHeads: cut.numRankKvHeads };
  }

  /** By rank, with KV heads counted as they lie in a row. */
  #places(kvLayer: number): HeadShare[] {
    const { shares, kvStarts } = this.#cutOfLayer(kvLayer);
    return shares.map(({ query, kv }, rank) => {
      const first = kvStarts[rank] ?? 0;
      return { query, kv: { first, end: first + widthOf(kv) } };
    });
  }

  #cutOfLayer(kvLayer: number): HeadCut {
    const attention = this.#program.body.find(
      (operation) => operation.kind === "attention" && operation.kvLayer === kvLayer,
    );
    invariant(attention?.kind === "attention", () => `no operation reads KV layer ${kvLayer}`);
    const cut = this.#heads.get(attention.query.bufferId);
    invariant(cut !== undefined, () => `buffer ${attention.query.bufferId} holds no heads`);
    return cut;
  }

  #width(bufferId: number): number {
    const cut = this.#heads.get(bufferId);
    if (cut !== undefined) return (cut.numHeads + 2 * cut.numRankKvHeads) * cut.headDim;
    return this.#program.buffers[bufferId]?.width ?? 0;
  }

  #rows(numRows: number, rank: number): Range {
    return rowShare(numRows, { rank, numRanks: this.#numRanks });
  }

  #weight(weightId: number): WeightDeclaration {
    const weight = this.#program.weights[weightId];
    invariant(weight !== undefined, () => `there is no weight ${weightId}`);
    return weight;
  }

  #ofEachRank<T>(of: (rank: number) => T): T[] {
    return [...Array(this.#numRanks).keys()].map(of);
  }
}

/** Layers that share a buffer of heads are divided alike, since they have equally many. */
function headCuts({ body, kvLayers }: Program, numRanks: number): ReadonlyMap<number, HeadCut> {
  const cuts = new Map<number, HeadCut>();
  for (const operation of body) {
    if (operation.kind !== "attention") continue;
    const layer = kvLayers[operation.kvLayer];
    invariant(layer !== undefined, () => `there is no KV layer ${operation.kvLayer}`);
    const { numHeads, query } = operation;
    const { headDim, numKvHeads } = layer;
    const shares = [...Array(numRanks).keys()].map((rank) =>
      headShare(numHeads, numKvHeads, { rank, numRanks }),
    );
    const widths = shares.map(({ kv }) => widthOf(kv));
    const startOf = (rank: number): number => widths.slice(0, rank).reduce((sum, width) => sum + width, 0);
    cuts.set(query.bufferId, {
      headDim,
      numHeads,
      numKvHeads,
      shares,
      kvStarts: widths.map((_, rank) => startOf(rank)),
      numRankKvHeads: startOf(numRanks),
    });
  }
  return cuts;
}

/** The rows of q, of k and of v that are a rank's, and where their answers lie. */
function headOutputs(cut: HeadCut, rank: number): { rows: Range; outColumn: number }[] {
  const { headDim, numHeads, numKvHeads, numRankKvHeads, shares, kvStarts } = cut;
  const [share, kvStart] = [shares[rank], kvStarts[rank]];
  invariant(share !== undefined && kvStart !== undefined, () => `there is no rank ${rank}`);
  const key = shifted(scaled(share.kv, headDim), numHeads * headDim);
  const keyColumn = (numHeads + kvStart) * headDim;
  const query = scaled(share.query, headDim);
  return [
    { rows: query, outColumn: query.first },
    { rows: key, outColumn: keyColumn },
    { rows: shifted(key, numKvHeads * headDim), outColumn: keyColumn + numRankKvHeads * headDim },
  ];
}

/** Of [firstRow, firstRow + numRows), counted from its first. */
function intersection(range: Range, firstRow: number, numRows: number): Range | null {
  const first = Math.max(range.first - firstRow, 0);
  const end = Math.min(range.end - firstRow, numRows);
  return first < end ? { first, end } : null;
}

function scaled({ first, end }: Range, factor: number): Range {
  return { first: first * factor, end: end * factor };
}

function shifted({ first, end }: Range, by: number): Range {
  return { first: first + by, end: end + by };
}
