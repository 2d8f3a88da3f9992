/** @module The weights of each rank: rows of matrices and numbers of vectors, each still a range of bytes of its file. */
import { invariant } from "../../../core/errors.ts";
import type { WeightDeclaration, WeightOrigin } from "../../program.ts";
import { type Range, widthOf } from "./rank-shares.ts";

export interface OfRank {
  /** The rank that reads it; absent: all. */
  readonly rank?: number;
  /** Rows of each rank, where one matrix is read whole as well as by rows. */
  readonly rankRows?: readonly Range[];
}

export type RankedWeight = WeightDeclaration & OfRank;

/** A weight that is not cut keeps its number and its bytes, for all ranks. */
export class WeightParts {
  readonly #weights: RankedWeight[];
  readonly #whole: readonly WeightDeclaration[];
  /** Numbers of the parts that were made, by weight, rank and range. */
  readonly #made = new Map<string, number>();
  /** Weights whose own number is a part's already. */
  readonly #replaced = new Set<number>();

  constructor(weights: readonly WeightDeclaration[]) {
    this.#whole = weights;
    this.#weights = [...weights];
  }

  get declared(): readonly RankedWeight[] {
    return this.#weights;
  }

  /** Number of the part of a matrix that has these rows. */
  rows(weightId: number, range: Range, rank: number): number {
    return this.#part(weightId, range, rank, (weight) => ({
      ...weight,
      numRows: widthOf(range),
      origin: bytesOf(weight.origin, weight.numRows, range),
    }));
  }

  /** Number of the part of a vector that has these numbers. */
  numbers(weightId: number, range: Range, rank: number): number {
    return this.#part(weightId, range, rank, (weight) => ({
      ...weight,
      numCols: widthOf(range),
      origin: bytesOf(weight.origin, weight.numCols, range),
    }));
  }

  #part(
    weightId: number,
    range: Range,
    rank: number,
    cut: (weight: WeightDeclaration) => WeightDeclaration,
  ): number {
    const whole = this.#whole[weightId];
    invariant(whole !== undefined, () => `there is no weight ${weightId}`);
    const key = `${weightId} ${rank} ${range.first} ${range.end}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const ownId = this.#replaced.has(weightId) ? this.#weights.length : weightId;
    this.#replaced.add(weightId);
    this.#weights[ownId] = { ...cut(whole), weightId: ownId, rank };
    this.#made.set(key, ownId);
    return ownId;
  }
}

/** The bytes of `range` of `numItems` rows or numbers, which take equally many bytes in every encoding. */
function bytesOf(origin: WeightOrigin, numItems: number, range: Range): WeightOrigin {
  const itemBytes = origin.numBytes / numItems;
  return {
    ...origin,
    byteOffset: origin.byteOffset + range.first * itemBytes,
    numBytes: widthOf(range) * itemBytes,
  };
}
