/** @module The memory of an instance of one or more ranks, which is what each rank's own part takes. */
import { PagodaError } from "../../../core/errors.ts";
import { type Footprint, type ModelShape, sumFootprint } from "../../../core/footprint.ts";
import type { KvLayerShape } from "../../../core/kv-layout.ts";
import type { Program } from "../../program.ts";
import { type CpuFootprint, cpuFootprint } from "./cpu-footprint.ts";
import type { CpuLimits } from "./cpu-limits.ts";
import { rankProgram } from "./rank-program.ts";

export interface InstanceFootprint extends Footprint {
  readonly ranks: readonly CpuFootprint[];
}

/**
 * @param limits `numThreads` are those of all ranks together
 * @throws PagodaError `memory_too_small`; `invalid_option` where so many ranks cannot divide the model; `model_unsupported`
 * where the shape does not say what the matrices are for.
 */
export function instanceFootprint(shape: ModelShape, limits: CpuLimits, numRanks: number): InstanceFootprint {
  const ranks = shapesOfRanks(shape, numRanks).map((own, rank) =>
    cpuFootprint(own, rankLimits(limits, rank, numRanks)),
  );
  return { ...sumFootprint(ranks.flatMap(({ items }) => items)), ranks };
}

/** The limits of one rank: its share of the threads. */
export function rankLimits(limits: CpuLimits, rank: number, numRanks: number): CpuLimits {
  if (numRanks === 1) return limits;
  return { ...limits, numThreads: limits.numThreads / numRanks, place: { rank, numRanks } };
}

/** KV layers of all ranks: more than the model's where ranks hold the same KV heads. */
export function kvLayersOfRanks(shape: ModelShape, numRanks: number): readonly KvLayerShape[] {
  return shapesOfRanks(shape, numRanks).flatMap(({ kvLayers }) => kvLayers);
}

/** A budget is searched for with many limits over the same shape. */
const shapesKnown = new WeakMap<ModelShape, Map<number, readonly ModelShape[]>>();

function shapesOfRanks(shape: ModelShape, numRanks: number): readonly ModelShape[] {
  if (numRanks === 1) return [shape];
  const known = shapesKnown.get(shape) ?? new Map<number, readonly ModelShape[]>();
  shapesKnown.set(shape, known);
  const shapes = known.get(numRanks) ?? divided(shape, numRanks);
  known.set(numRanks, shapes);
  return shapes;
}

function divided(shape: ModelShape, numRanks: number): readonly ModelShape[] {
  if (!isProgram(shape))
    throw new PagodaError(
      "model_unsupported",
      `A plan for ${numRanks} ranks needs the headers of the weights, and only the model's configuration is at hand.`,
      { hint: "Name the model's folder, its GGUF file, or its repository on the hub.", param: "model" },
    );
  return [...Array(numRanks).keys()].map((rank) => rankProgram(shape, { rank, numRanks }));
}

/** A shape that was made from the headers of the weights is the program itself. */
function isProgram(shape: ModelShape): shape is Program {
  return "layerStarts" in shape && "logits" in shape;
}
