/**
 * @module One block of an encoding that the repacking kernels do not read, as whole numbers and their scales.
 *
 * Weight i of the block is `scales[i >> 4] · numbers[i] + offsets[i >> 4]`: no encoding changes its scale more often than
 * every 16 weights. In float64 that is exact.
 */

export interface DecodedBlock {
  readonly numbers: Int16Array;
  /** One for every 16 weights. */
  readonly scales: Float64Array;
  readonly offsets: Float64Array;
}

export const weightsPerScale = 16;
const largestBlock = 256;

/** Decodes the block at byte `start` into `block`, of which it overwrites all that the block's weights need. */
export type BlockDecoder = (bytes: DataView, start: number, block: DecodedBlock) => void;

/** Large enough for every encoding. */
export function emptyBlock(): DecodedBlock {
  const numScales = largestBlock / weightsPerScale;
  return {
    numbers: new Int16Array(largestBlock),
    scales: new Float64Array(numScales),
    offsets: new Float64Array(numScales),
  };
}

export function halfAt(bytes: DataView, at: number): number {
  return bytes.getFloat16(at, true);
}

/** Nibble `index` of the bytes from `at` on; even ones are the low halves. */
export function nibbleAt(bytes: DataView, at: number, index: number): number {
  const pair = bytes.getUint8(at + (index >> 1));
  return index % 2 === 0 ? pair & 15 : pair >> 4;
}
