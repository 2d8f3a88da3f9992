/** @module The shape of a Llama-like model of stated sizes, for tests of plans. */
import type { ModelShape, WeightShape } from "../../../../../core/footprint.ts";
import type { WeightStorage } from "../../../../../core/weight-storage.ts";

export interface LlamaSizes {
  readonly numLayers: number;
  readonly hiddenWidth: number;
  readonly intermediateWidth: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly vocabularyWidth: number;
}

/** SmolLM2-135M's. */
export const smolLm2: LlamaSizes = {
  numLayers: 30,
  hiddenWidth: 576,
  intermediateWidth: 1536,
  numHeads: 9,
  numKvHeads: 3,
  headDim: 64,
  vocabularyWidth: 49_152,
};

/** With every matrix stored as `storage`. */
export function llamaShape(sizes: LlamaSizes, storage: WeightStorage): ModelShape {
  const { hiddenWidth, intermediateWidth, headDim, vocabularyWidth } = sizes;
  const matrix = (name: string, layer: number | null, numRows: number, numCols: number): WeightShape => ({
    name,
    role: "matrix",
    numRows,
    numCols,
    storage,
    layer,
  });
  const layers = [...Array(sizes.numLayers).keys()];
  const queryWidth = sizes.numHeads * headDim;
  const keyWidth = sizes.numKvHeads * headDim;
  return {
    weights: [
      matrix("embedding", null, vocabularyWidth, hiddenWidth),
      ...layers.flatMap((layer) => [
        matrix("qkv", layer, queryWidth + 2 * keyWidth, hiddenWidth),
        matrix("output", layer, hiddenWidth, queryWidth),
        matrix("gateUp", layer, 2 * intermediateWidth, hiddenWidth),
        matrix("down", layer, hiddenWidth, intermediateWidth),
      ]),
    ],
    buffers: [
      { name: "hidden", rows: "tokens", width: hiddenWidth },
      { name: "gateUp", rows: "tokens", width: 2 * intermediateWidth },
      { name: "logits", rows: "outputs", width: vocabularyWidth },
    ],
    kvLayers: layers.map(() => ({ numKvHeads: sizes.numKvHeads, headDim })),
    ropeTables: [{ inverseFrequencies: Array<number>(headDim / 2).fill(1) }],
    vocabularyWidth,
    body: layers.map((kvLayer) => ({ kind: "attention", numHeads: sizes.numHeads, kvLayer })),
    head: [{ kind: "gatherOutputs" }],
  };
}
