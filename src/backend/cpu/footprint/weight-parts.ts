/** @module The weights of one rank: rows of matrices and numbers of vectors, each still a range of bytes of its file. */
import { invariant } from "../../../core/errors.ts";
import type { WeightDeclaration, WeightOrigin } from "../../program.ts";
import { type Range, widthOf } from "./rank-shares.ts";

/** A weight that is not cut keeps its number and its bytes: every rank has a copy. */
export class WeightParts {
  readonly #weights: WeightDeclaration[];
  readonly #whole: readonly WeightDeclaration[];
  /** Numbers of the parts that were made, by weight and range. */
  readonly #made = new Map<string, number>();
  /** Weights whose own number is a part's already. */
  readonly #replaced = new Set<number>();

  constructor(weights: readonly WeightDeclaration[]) {
    this.#whole = weights;
    this.#weights = [...weights];
  }

  get declared(): readonly WeightDeclaration[] {
    return this.#weights;
  }

  /** Numbers of the parts of a matrix that have these rows. */
  rows(weightId: number, ranges: readonly Range[]): readonly number[] {
    return this.#parts(weightId, ranges, (weight, range) => ({
      ...weight,
      numRows: widthOf(range),
      origin: bytesOf(weight.origin, weight.numRows, range),
    }));
  }

  /** Numbers of the parts of a vector that have these numbers. */
  numbers(weightId: number, ranges: readonly Range[]): readonly number[] {
    return this.#parts(weightId, ranges, (weight, range) => ({
      ...weight,
      numCols: widthOf(range),
      origin: bytesOf(weight.origin, weight.numCols, range),
    }));
  }

  #parts(
    weightId: number,
    ranges: readonly Range[],
    cut: (weight: WeightDeclaration, range: Range) => WeightDeclaration,
  ): readonly number[] {
    const whole = this.#whole[weightId];
    invariant(whole !== undefined, () => `there is no weight ${weightId}`);
    return ranges.map((range) => {
      const key = `${weightId} ${range.first} ${range.end}`;
      const known = this.#made.get(key);
      if (known !== undefined) return known;
      const ownId = this.#replaced.has(weightId) ? this.#weights.length : weightId;
      this.#replaced.add(weightId);
      this.#weights[ownId] = { ...cut(whole, range), weightId: ownId };
      this.#made.set(key, ownId);
      return ownId;
    });
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
