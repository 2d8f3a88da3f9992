/**
 * @module Layers that share a block table, and the bytes of one block of the pool they share.
 *
 * One pool of numbered blocks serves every group. Tensor i of the pool is used by the i-th layer of each group, so a block
 * costs the pages of the widest group, whichever group holds it:
 *
 *   block 7  [ page of layer 0 of its group | page of layer 1 | … | page of layer n-1 ]
 *
 * Order of the rules as in get_kv_cache_groups of vLLM 0.32 (vllm-memory.md §3.4).
 */
import { PagodaError } from "../../core/errors.ts";
import { ceilDiv } from "../quantity/bytes.ts";
import {
  areMergeable,
  areUniform,
  isFullKind,
  type LayerSpec,
  pageBytes,
  recordedSpans,
  unpaddedPageBytes,
} from "./layer-spec.ts";

export interface NamedLayer {
  readonly name: string;
  readonly spec: LayerSpec;
}

export interface LayerGroup {
  readonly layers: readonly NamedLayer[];
  /** The layers keep pages of different sizes and only agree on how many tokens they hold. */
  readonly isMixed: boolean;
}

export interface GroupingRules {
  readonly disableHybrid: boolean;
  /** Attention pages that divide no larger page may be padded (vLLM 0.3x); before, such models are refused. */
  readonly mayPadPages: boolean;
}

function refuse(message: string, hint: string): PagodaError {
  return new PagodaError("plan_invalid", message, { hint });
}

const specsOf = (layers: readonly NamedLayer[]): LayerSpec[] => layers.map(({ spec }) => spec);

/** True where all specs merge into one; two windows beside each other are an error in vLLM, not a "no". */
function allMergeable(layers: readonly NamedLayer[]): boolean {
  const specs = specsOf(layers);
  const { windows, chunks } = recordedSpans(specs);
  if (specs.every(({ kind }) => kind === "full") && (windows > 1 || chunks > 1))
    throw refuse(
      "All attention layers in the same KV cache group must have the same window size.",
      "Leave the hybrid KV cache manager on.",
    );
  return areMergeable(specs);
}

function allUniform(layers: readonly NamedLayer[]): boolean {
  const [first] = layers;
  return first !== undefined && layers.every(({ spec }) => areUniform(first.spec, spec));
}

/** vLLM 0.32 raises a TypeError where it would turn a sliding latent layer into a full one (`bounded_replay`). */
const latentPromotion = (name: string): PagodaError =>
  refuse(
    `Layer ${name}: a sliding latent layer cannot be allocated in full.`,
    "Leave the hybrid KV cache manager on.",
  );

/** Sliding and chunked layers as full ones: they then hold blocks for every token and only compute with the window. */
function promoteLocal(layers: readonly NamedLayer[]): NamedLayer[] {
  if (allMergeable(layers) || allUniform(layers)) return [...layers];
  const fullBlockSizes = new Set(
    layers.filter(({ spec }) => isFullKind(spec)).map(({ spec }) => spec.blockSize),
  );
  const [onlySize] = fullBlockSizes;
  const promoted = layers.map(({ name, spec }) => {
    if (fullBlockSizes.size === 0) return { name, spec };
    if (spec.kind !== "sliding" && spec.kind !== "chunked" && spec.kind !== "slidingLatent")
      return { name, spec };
    if (spec.kind === "slidingLatent") throw latentPromotion(name);
    const blockSize = fullBlockSizes.size === 1 && onlySize !== undefined ? onlySize : spec.blockSize;
    const kind = "full" as const;
    const scaled = (unpaddedPageBytes(spec) * blockSize) / spec.blockSize;
    const paddedPageBytes =
      spec.paddedPageBytes === null ? null : Math.max(spec.paddedPageBytes, Math.floor(scaled));
    return { name, spec: { ...spec, kind, blockSize, paddedPageBytes, extraTokens: 0 } };
  });
  if (allMergeable(promoted) || allUniform(promoted)) return promoted;
  throw refuse(
    "Failed to promote local KV cache specs to one unified type.",
    "Leave the hybrid KV cache manager on.",
  );
}

/** Latent layers beside sliding ones whose pages cannot agree: every layer allocates in full. */
function fullAllocationGroup(layers: readonly NamedLayer[]): LayerGroup | null {
  const kinds = new Set(layers.map(({ spec }) => spec.kind));
  if (kinds.has("slidingLatent") || kinds.has("chunked") || !kinds.has("latent") || !kinds.has("sliding"))
    return null;
  let promoted: NamedLayer[];
  try {
    promoted = promoteLocal(layers);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
  return allUniform(promoted) ? { layers: promoted, isMixed: true } : null;
}

const cannotUnify = (name: string): PagodaError =>
  refuse(
    `Layer ${name}: page size is not divisible by the maximum page size and cannot be padded.`,
    "Choose a block size or a KV dtype with which every layer's page divides the largest.",
  );

/** Brings every page to the largest: more tokens to a block where it divides, padding where it does not. */
function unifyPages(layers: readonly NamedLayer[], rules: GroupingRules): NamedLayer[] {
  const largest = Math.max(...layers.map(({ spec }) => pageBytes(spec)));
  return layers.map(({ name, spec }) => {
    const page = pageBytes(spec);
    if (page === largest) return { name, spec };
    if (spec.kind === "mamba") return { name, spec: { ...spec, paddedPageBytes: largest } };
    if (largest % page === 0) {
      const grown = { ...spec, blockSize: spec.blockSize * (largest / page) };
      if (pageBytes(grown) !== largest) throw cannotUnify(name);
      return { name, spec: grown };
    }
    if (!rules.mayPadPages || spec.kind === "latent") throw cannotUnify(name);
    return { name, spec: { ...spec, paddedPageBytes: largest } };
  });
}

/** Key under which equal specs meet, in order of first appearance. */
function bucketLayers(layers: readonly NamedLayer[]): NamedLayer[][] {
  const equal = new Map<string, NamedLayer[]>();
  for (const layer of layers) {
    const key = JSON.stringify(layer.spec);
    const bucket = equal.get(key);
    if (bucket === undefined) equal.set(key, [layer]);
    else bucket.push(layer);
  }
  const buckets: NamedLayer[][] = [];
  for (const alike of equal.values()) {
    const [head] = alike;
    const home = buckets.find((bucket) => head !== undefined && areMergeable(specsOf([...bucket, head])));
    if (home === undefined) buckets.push([...alike]);
    else home.push(...alike);
  }
  return buckets;
}

/** Layers per group: the smallest bucket, or the largest where they are nearly even (1.5 in vLLM). */
function groupWidth(buckets: readonly NamedLayer[][]): number {
  const sizes = buckets.map((bucket) => bucket.length);
  const smallest = Math.min(...sizes);
  const widest = Math.max(...sizes);
  return widest < smallest * 1.5 ? widest : smallest;
}

/** Splits the buckets into groups of one width, dealing layers out in turn so that pipeline stages stay even. */
function splitEvenly(layers: readonly NamedLayer[]): LayerGroup[] {
  const buckets = bucketLayers(layers);
  const width = groupWidth(buckets);
  return buckets.flatMap((bucket) => {
    const numGroups = ceilDiv(bucket.length, width);
    return Array.from({ length: numGroups }, (_, start) => ({
      layers: bucket.filter((_, index) => index % numGroups === start),
      isMixed: false,
    }));
  });
}

/**
 * Groups layers as vLLM does.
 * @throws PagodaError `plan_invalid` where the pages cannot be brought together.
 */
export function groupLayers(given: readonly NamedLayer[], rules: GroupingRules): LayerGroup[] {
  const layers = rules.disableHybrid ? promoteLocal(given) : [...given];
  if (layers.length === 0) return [];
  if (allMergeable(layers)) return [{ layers, isMixed: false }];
  if (allUniform(layers)) return [{ layers, isMixed: true }];
  let unified: NamedLayer[];
  try {
    unified = unifyPages(layers, rules);
  } catch (error) {
    const fallback = error instanceof PagodaError ? fullAllocationGroup(layers) : null;
    if (fallback === null) throw error;
    return [fallback];
  }
  return splitEvenly(unified);
}

const countedBlocks = new WeakMap<readonly LayerGroup[], number>();

/** Bytes of one block of the pool: the widest group's pages. Counted once per list of groups. */
export function poolBlockBytes(groups: readonly LayerGroup[]): number {
  const counted = countedBlocks.get(groups);
  if (counted !== undefined) return counted;
  let widest = 0;
  for (const { layers } of groups)
    widest = Math.max(
      widest,
      layers.reduce((total, { spec }) => total + pageBytes(spec), 0),
    );
  countedBlocks.set(groups, widest);
  return widest;
}

/** The groups as one pipeline stage sees them: only its own layers, and perhaps none. */
export function projectGroups(groups: readonly LayerGroup[], names: ReadonlySet<string>): LayerGroup[] {
  return groups.map((group) => ({ ...group, layers: group.layers.filter(({ name }) => names.has(name)) }));
}
