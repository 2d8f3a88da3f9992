/** @module How a backend may store the numbers of a weight matrix in memory. */

/**
 * q4: 4-bit integers with a scale and a minimum for every group of columns; q8: 8-bit integers with a scale for every group;
 * the others are floating-point numbers as they are.
 */
export type WeightStorage = "q4" | "q8" | "f16" | "bf16" | "f32";

/** Columns of a q4 or q8 matrix that share a scale: such a matrix has a multiple of this many columns. */
export const groupWidth = 32;
