/**
 * @module The memory of a model on the CPU backend: its shape and limits in, bytes of every buffer out.
 *
 * There is no second formula: the backend allocates by this one and checks that it did (`memory/layout.ts`), the planner
 * plans with it, and `/admin/memory` reports against it. The runtime (Node, code, heaps) is not included; it is measured.
 *
 * Memory is one or more arenas of at most 4 GiB (kernel pointers have 32 bits):
 *
 *   arena 0     kernel data | control | weights of no layer (embedding, final norm, head) | layers 0 … a−1 with their KV
 *               | workspace | step inputs and results | tables
 *   arena 1 …   kernel data | layers a … b−1 with their KV | workspace | copies of the inputs that layers read | tables
 *
 * The head section runs in arena 0 again. Every item begins at a multiple of 64; an arena is whole 64 KiB pages.
 */
import { PagodaError } from "../../../core/errors.ts";
import {
  type Footprint,
  type FootprintComponent,
  type FootprintItem,
  sumBytes,
  sumFootprint,
} from "../../../core/footprint.ts";
import { type KvLayerShape, layerBlockBytes } from "../../../core/kv-layout.ts";
import { stepArrayBytes, stepInputArrays, stepResultArrays } from "../../step-layout.ts";
import {
  arenaPageBytes,
  bufferRows,
  controlBytes,
  isReadInEveryArena,
  jobsPerThread,
  kernelDataBytes,
  largestArenaBytes,
  maxAttentionItems,
  maxSplitRows,
  numRanksOf,
  quantizedWidth,
  rankOfThread,
  rankPartialsBytes,
  ropeTableBytes,
  threadScratchBytes,
  weightBytes,
} from "./buffer-sizes.ts";
import type { CpuLimits } from "./cpu-limits.ts";
import type { Range } from "./rank-shares.ts";
import type { RankedShape } from "./ranked-program.ts";
import { attentionItemWords, jobBytes, quantizedBytes, roundUp64 } from "./workspace-layout.ts";

interface CpuFootprintItem extends FootprintItem {
  readonly arena: number;
  /** Whose it is, where there are several; absent: all ranks use it. */
  readonly rank?: number;
  /** A multiple of 64. */
  readonly numBytes: number;
}

export interface CpuFootprint extends Footprint {
  /** Their sum is `totalBytes`. */
  readonly arenaBytes: readonly number[];
  /** Arena of each layer, ascending. */
  readonly layerArenas: readonly number[];
  readonly items: readonly CpuFootprintItem[];
}

/**
 * Bytes of everything that is allocated for a model under limits. Throws `memory_too_small` where one layer with its KV
 * cache does not fit an arena of `arenaLimitBytes`.
 */
export function cpuFootprint(
  shape: RankedShape,
  limits: CpuLimits,
  arenaLimitBytes = largestArenaBytes,
): CpuFootprint {
  const layerArenas = assignLayers(shape, limits, arenaLimitBytes);
  const numArenas = (layerArenas.at(-1) ?? 0) + 1;
  const items = [...Array(numArenas).keys()].flatMap((arena) => {
    const inArena = arenaItems(shape, limits, arena, layerArenas);
    const padding = -sumBytes(inArena) & (arenaPageBytes - 1);
    return [...inArena, { component: "tables" as const, name: "page rounding", arena, numBytes: padding }];
  });
  return {
    ...sumFootprint(items),
    arenaBytes: [...Array(numArenas).keys()].map((arena) =>
      sumBytes(items.filter((item) => item.arena === arena)),
    ),
    layerArenas,
    items,
  };
}

/** The arena of each layer: the first one with enough space, never an earlier one than the previous layer's. */
function assignLayers(shape: RankedShape, limits: CpuLimits, arenaLimitBytes: number): number[] {
  const numLayers = Math.max(
    shape.kvLayers.length,
    ...shape.weights.map((weight) => (weight.layer ?? -1) + 1),
  );
  const fixedBytes = [0, 1].map((arena) => sumBytes(arenaItems(shape, limits, arena, [])));
  const [firstArenaBytes = 0, otherArenaBytes = 0] = fixedBytes;
  const usableBytes = arenaLimitBytes - (arenaLimitBytes % arenaPageBytes);
  let arena = 0;
  let usedBytes = firstArenaBytes;
  refuseBeyond(usedBytes, usableBytes, "The embedding, the workspace and the tables need", fewerTokens);
  return [...Array(numLayers).keys()].map((layer) => {
    const layerBytes = sumBytes(layerItems(shape, limits, layer, arena));
    if (usedBytes + layerBytes > usableBytes) {
      arena += 1;
      usedBytes = otherArenaBytes;
    }
    usedBytes += layerBytes;
    const hint = fewerBlocks(shape, limits, layer, usableBytes - usedBytes);
    refuseBeyond(usedBytes, usableBytes, `Layer ${layer} with its KV cache and workspace needs`, hint);
    return arena;
  });
}

function refuseBeyond(neededBytes: number, usableBytes: number, what: string, hint: string): void {
  if (neededBytes <= usableBytes) return;
  throw new PagodaError(
    "memory_too_small",
    `${what} ${neededBytes} bytes; an arena of the CPU backend holds at most ${usableBytes}.`,
    { hint },
  );
}

const fewerTokens = "Lower --max-num-batched-tokens, --max-num-seqs or --max-model-len.";

/** The hint with the number of blocks that would fit; `spareBytes` is negative: the bytes that a layer lacks. */
function fewerBlocks(shape: RankedShape, limits: CpuLimits, layer: number, spareBytes: number): string {
  const kv = shape.kvLayers[layer];
  if (kv === undefined) return fewerTokens;
  const blockBytes = layerBlockBytes(limits.kvDtype, kv, limits.blockSize);
  const numBlocks = limits.numBlocks + Math.floor(spareBytes / blockBytes) - 1;
  return numBlocks < 1 ? fewerTokens : `Use fewer blocks: --num-gpu-blocks-override ${numBlocks}.`;
}

function arenaItems(
  shape: RankedShape,
  limits: CpuLimits,
  arena: number,
  layerArenas: readonly number[],
): CpuFootprintItem[] {
  const layers = layerArenas.flatMap((own, layer) =>
    own === arena ? layerItems(shape, limits, layer, arena) : [],
  );
  return [
    item("tables", "kernel data", arena, kernelDataBytes),
    ...(arena === 0 ? [item("tables", "control", arena, controlBytes(limits.numThreads))] : []),
    ...(arena === 0 ? weightItems(shape, null, arena) : []),
    ...layers,
    ...workspaceItems(shape, limits, arena),
    ...stepItems(shape, limits, arena),
    ...tableItems(shape, limits, arena),
  ];
}

function layerItems(shape: RankedShape, limits: CpuLimits, layer: number, arena: number): CpuFootprintItem[] {
  const kv = shape.kvLayers[layer];
  const kvItems = (kv === undefined ? [] : kvOfRanks(kv)).map((own, rank) => {
    const kvBytes = limits.numBlocks * layerBlockBytes(limits.kvDtype, own, limits.blockSize);
    return ofRank(shape, rank, item("kvPool", `layer ${layer}`, arena, kvBytes));
  });
  return [...weightItems(shape, layer, arena), ...kvItems];
}

function weightItems(shape: RankedShape, layer: number | null, arena: number): CpuFootprintItem[] {
  return shape.weights
    .filter((weight) => weight.layer === layer)
    .flatMap((weight) =>
      weightPieces(weight).map(({ numBytes, rank }) => ({
        ...item("weights", weight.name, arena, numBytes),
        ...(rank === undefined ? {} : { rank }),
      })),
    );
}

/**
 * A weight that several ranks read, each other rows of it, as one range of bytes a rank, one after another; any other as one
 * range. Ranges are multiples of 64 bytes, so a rank's may end up to 63 bytes past its last row.
 */
export function weightPieces(
  weight: RankedShape["weights"][number],
): readonly { readonly numBytes: number; readonly rank: number | undefined }[] {
  const numBytes = weightBytes(weight);
  if (weight.rankRows === undefined) return [{ numBytes, rank: weight.rank }];
  const endOf = (rows: Range | undefined): number =>
    rows === undefined ? 0 : roundUp64(weightBytes({ ...weight, numRows: rows.end }));
  return weight.rankRows.map((rows, rank, all) => ({
    numBytes: endOf(rows) - endOf(all[rank - 1]),
    rank,
  }));
}

/** A layer's KV heads of each rank. */
export function kvOfRanks(kv: RankedShape["kvLayers"][number]): readonly KvLayerShape[] {
  const { headDim, rankKvHeads = [kv.numKvHeads] } = kv;
  return rankKvHeads.map((numKvHeads) => ({ numKvHeads, headDim }));
}

/** Where there is one rank, nothing is told apart. */
function ofRank(shape: RankedShape, rank: number, own: CpuFootprintItem): CpuFootprintItem {
  return numRanksOf(shape) === 1 ? own : { ...own, rank };
}

function workspaceItems(shape: RankedShape, limits: CpuLimits, arena: number): CpuFootprintItem[] {
  const workspace = (name: string, numBytes: number): CpuFootprintItem =>
    item("workspace", name, arena, numBytes);
  return [
    ...shape.buffers.map((buffer) =>
      workspace(buffer.name, bufferRows(buffer.rows, limits) * buffer.width * 4),
    ),
    workspace("quantized input", quantizedBytes(limits.maxNumBatchedTokens, quantizedWidth(shape))),
    ...[...Array(numRanksOf(shape)).keys()].map((rank) =>
      ofRank(shape, rank, workspace("attention partials", rankPartialsBytes(shape, limits))),
    ),
    ...[...Array(limits.numThreads).keys()].map((thread) =>
      ofRank(
        shape,
        rankOfThread(thread, limits.numThreads, numRanksOf(shape)),
        workspace(`scratch of thread ${thread}`, threadScratchBytes(shape, arena)),
      ),
    ),
  ];
}

function stepItems(shape: RankedShape, limits: CpuLimits, arena: number): CpuFootprintItem[] {
  const inputs = stepInputArrays(limits, shape.vocabularyWidth).filter(
    (array) => arena === 0 || isReadInEveryArena(array),
  );
  const results = arena === 0 ? stepResultArrays(limits) : [];
  return [
    ...inputs.map((array) => item("workspace", `input ${array.name}`, arena, stepArrayBytes(array))),
    ...results.map((array) => item("workspace", `result ${array.name}`, arena, stepArrayBytes(array))),
    item("workspace", "attention items", arena, maxAttentionItems(limits) * attentionItemWords * 4),
    item("workspace", "merge items", arena, maxSplitRows * attentionItemWords * 4),
  ];
}

function tableItems(shape: RankedShape, limits: CpuLimits, arena: number): CpuFootprintItem[] {
  const numJobs = limits.numThreads * jobsPerThread(shape);
  return [
    ...shape.ropeTables.map((table, ropeId) =>
      item("tables", `rope ${ropeId}`, arena, ropeTableBytes(table.inverseFrequencies.length, limits)),
    ),
    item("tables", "jobs", arena, numJobs * jobBytes),
  ];
}

function item(
  component: FootprintComponent,
  name: string,
  arena: number,
  numBytes: number,
): CpuFootprintItem {
  return { component, name, arena, numBytes: roundUp64(numBytes) };
}
