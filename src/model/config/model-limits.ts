/**
 * @module The widest values a configuration may claim. Far above every published model (the largest today have some
 * 130 layers, 20,000 hidden and 262,208 tokens), and low enough that no list sized by a field can exhaust memory.
 */
import type { NumberBounds } from "./field-reader.ts";

export const limits = {
  vocabularyWidth: { min: 1, max: 2 ** 22 },
  hiddenWidth: { min: 1, max: 2 ** 17 },
  intermediateWidth: { min: 1, max: 2 ** 20 },
  numLayers: { min: 1, max: 1024 },
  numHeads: { min: 1, max: 1024 },
  headDim: { min: 2, max: 1024 },
  positions: { min: 1, max: 2 ** 27 },
  epsilon: { min: 0, max: 1 },
  scale: { min: 1e-6, max: 1e6 },
  window: { min: 1, max: 2 ** 27 },
} as const satisfies Readonly<Record<string, NumberBounds>>;
