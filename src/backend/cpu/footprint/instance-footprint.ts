/** @module The memory of an instance of one or more ranks: what each has for itself, and what all of them use. */
import { PagodaError } from "../../../core/errors.ts";
import { type Footprint, type ModelShape, sumFootprint } from "../../../core/footprint.ts";
import type { KvLayerShape } from "../../../core/kv-layout.ts";
import type { Program } from "../../program.ts";
import { cpuFootprint } from "./cpu-footprint.ts";
import type { CpuLimits } from "./cpu-limits.ts";
import { type RankedShape, rankedProgram } from "./ranked-program.ts";

export interface InstanceFootprint extends Footprint {
  /** Of each rank alone, where there are several; else of the only one. */
  readonly ranks: readonly Footprint[];
}

/**
 * @throws PagodaError `memory_too_small`; `invalid_option` where so many ranks cannot divide the model; `model_unsupported`
 * where the shape does not say what the matrices are for.
 */
export function instanceFootprint(shape: ModelShape, limits: CpuLimits, numRanks: number): InstanceFootprint {
  const { items, components, totalBytes } = cpuFootprint(rankedShape(shape, numRanks), limits);
  const all = { components, totalBytes };
  if (numRanks === 1) return { ...all, ranks: [all] };
  const ranks = [...Array(numRanks).keys()].map((rank) =>
    sumFootprint(items.filter((item) => item.rank === rank)),
  );
  return { ...all, ranks };
}

/** KV layers of all ranks together: larger than the model's where ranks hold the same KV heads. */
export function kvLayersOfRanks(shape: ModelShape, numRanks: number): readonly KvLayerShape[] {
  return rankedShape(shape, numRanks).kvLayers;
}

/** A budget is searched for with many limits over the same shape. */
const shapesKnown = new WeakMap<ModelShape, Map<number, RankedShape>>();

function rankedShape(shape: ModelShape, numRanks: number): RankedShape {
  if (numRanks === 1) return shape;
  const known = shapesKnown.get(shape) ?? new Map<number, RankedShape>();
  shapesKnown.set(shape, known);
  const ranked = known.get(numRanks) ?? divided(shape, numRanks);
  known.set(numRanks, ranked);
  return ranked;
}

function divided(shape: ModelShape, numRanks: number): RankedShape {
  if (!isProgram(shape))
    throw new PagodaError(
      "model_unsupported",
      `A plan for ${numRanks} ranks needs the headers of the weights, and only the model's configuration is at hand.`,
      { hint: "Name the model's folder, its GGUF file, or its repository on the hub.", param: "model" },
    );
  return rankedProgram(shape, numRanks);
}

/** A shape that was made from the headers of the weights is the program itself. */
function isProgram(shape: ModelShape): shape is Program {
  return "layerStarts" in shape && "logits" in shape;
}
