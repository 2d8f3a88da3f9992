/** @module The KV cache layers of a model as vLLM lays them out on one rank (vllm-memory.md §3.1, §3.3). */

import type { Device } from "../../../device/device.ts";
import type { NamedLayer } from "../../../kv/layer-groups.ts";
import { type AttentionSpec, pageBytes, type StateSpec } from "../../../kv/layer-spec.ts";
import {
  dtypeBytes,
  type LinearMixer,
  type MambaMixer,
  type Mixer,
  type ModelDtype,
  type ModelFacts,
} from "../../../model/facts.ts";
import { kvHeadsOnRank } from "../../../model/weights/rank-tensors.ts";
import { ceilDiv } from "../../../quantity/bytes.ts";
import type { VllmSettings } from "../settings/settings.ts";
import type { VllmProfile } from "../settings/versions.ts";
import type { Draft } from "./draft.ts";
import { keepsModelDtype, kvFormatOf } from "./kv-formats.ts";

/** Tokens of a block in DeepSeek V4: whole states of the strongest compression, 128 to one. */
const compressedBlock = 256;

/** Block size of the attention backend that vLLM picks (vllm-memory.md §3.3). */
function defaultBlockSize(model: ModelFacts, device: Device): number {
  const isLatent = model.layers.some(({ mixer }) => mixer.kind === "latent");
  if (model.layers.some(({ mixer }) => mixer.kind === "latent" && mixer.compressed !== undefined))
    return compressedBlock;
  if (device.vendor === "cpu") return isLatent ? 16 : 128;
  if (device.vendor === "ascend") return 128;
  if (device.vendor === "intel") return 64;
  const isSparse = model.layers.some(({ mixer }) => mixer.kind === "latent" && mixer.indexer !== null);
  if (isSparse) return 64;
  if (isLatent && device.computeCapability >= 10 && device.computeCapability < 11) return 32;
  return 16;
}

/** The user's block, except that latent attention on the CPU knows only its own 16. */
function chosenBlockSize(model: ModelFacts, device: Device, settings: VllmSettings): number {
  const preferred = defaultBlockSize(model, device);
  const isLatent = model.layers.some(({ mixer }) => mixer.kind === "latent");
  return device.vendor === "cpu" && isLatent ? preferred : (settings.blockSize?.value ?? preferred);
}

function numberBytes(dtype: "float32" | "model", model: ModelDtype): number {
  return dtype === "float32" ? 4 : dtypeBytes(model);
}

/** Recurrent state of a gated delta net layer on one rank: convolution tail and per-head matrices. */
function linearStateBytes(mixer: LinearMixer, model: ModelDtype, tp: number, numSpeculative: number): number {
  const conv =
    ((mixer.convWidth - 1 + numSpeculative) *
      (2 * mixer.numKeyHeads * mixer.keyHeadDim + mixer.numValueHeads * mixer.valueHeadDim)) /
    tp;
  const temporal = (mixer.numValueHeads / tp) * mixer.valueHeadDim * mixer.keyHeadDim;
  return conv * dtypeBytes(model) + temporal * numberBytes(mixer.stateDtype, model);
}

function mambaStateBytes(mixer: MambaMixer, model: ModelDtype, tp: number, numSpeculative: number): number {
  const inner = mixer.numHeads * mixer.headDim;
  const conv =
    ((mixer.convWidth - 1 + numSpeculative) * (inner + 2 * mixer.numGroups * mixer.stateWidth)) / tp;
  const ssm = (mixer.numHeads / tp) * mixer.headDim * mixer.stateWidth;
  return conv * dtypeBytes(model) + ssm * numberBytes(mixer.stateDtype, model);
}

/** The flag wins; on a CPU with AVX-512 BF16, as servers have, vLLM resets states to f32 for its accelerated kernels. */
function withStateDtype(mixer: Mixer, device: Device, settings: VllmSettings): Mixer {
  if (mixer.kind !== "linear" && mixer.kind !== "mamba2") return mixer;
  const stated = settings.stateDtype;
  if (stated === "float32" || device.vendor === "cpu") return { ...mixer, stateDtype: "float32" };
  return stated === "float16" || stated === "bfloat16" ? { ...mixer, stateDtype: "model" } : mixer;
}

export interface KvLayers {
  readonly layers: readonly NamedLayer[];
  readonly blockSize: number;
  readonly kvDtype: string;
}

function attentionSpecs(
  model: ModelFacts,
  settings: VllmSettings,
  profile: VllmProfile,
  blockSize: number,
): (AttentionSpec | null)[] {
  const primary = kvFormatOf(settings.kvDtype, model);
  const kept = kvFormatOf("auto", { ...model, declaredKvDtype: null });
  const tp = settings.tensorParallel;
  return model.layers.map(({ mixer }, index) => {
    const keeps = keepsModelDtype(index, mixer, model, settings.skippedKvLayers, settings.kvDtype);
    const { name, format } = keeps ? kept : primary;
    const base = {
      blockSize,
      dtypeBytes: format.dtypeBytes,
      paddedPageBytes: null,
      spanKind: "window" as const,
      extraTokens: settings.extraWindowTokens,
      label: name,
    };
    if (mixer.kind === "latent") {
      if (!profile.usesLatentCache) return expandedLatent(base, mixer.numHeads / tp);
      const width = mixer.kvRank + mixer.ropeHeadDim;
      const ratio = mixer.compressed?.ratio ?? 1;
      // A layer of DeepSeek V4 without compression keeps its window alone.
      if (ratio === 0) return null;
      const packed = format.latentContent?.(mixer.kvRank, mixer.ropeHeadDim) ?? null;
      if (ratio > 1) {
        const bytes = mixer.compressed === undefined ? (packed ?? width * 2) : compressedStateBytes;
        return { ...base, ...latentSpec(width, bytes / ratio) };
      }
      return {
        ...base,
        kind: "latent",
        numKvHeads: 1,
        headDim: width,
        valueHeadDim: 0,
        contentBytes: packed,
        numHeadSlots: null,
        span: null,
      };
    }
    if (mixer.kind !== "attention" || mixer.borrowsCache === true) return null;
    const numKvHeads = kvHeadsOnRank(mixer.numKvHeads, tp);
    const kind = mixer.window !== null ? "sliding" : mixer.chunk !== null ? "chunked" : "full";
    return {
      ...base,
      kind,
      numKvHeads,
      headDim: mixer.headDim,
      valueHeadDim: mixer.valueHeadDim,
      contentBytes: format.content?.(mixer.headDim, mixer.valueHeadDim) ?? null,
      numHeadSlots: format.slotsPerHead === 1 ? null : numKvHeads * format.slotsPerHead,
      span: mixer.window ?? mixer.chunk,
      spanKind: mixer.chunk === null ? ("window" as const) : ("chunk" as const),
    };
  });
}

/** 448 numbers of one byte, 64 of two and 8 bytes of scales (`fp8_ds_mla` of vLLM's deepseek_v4, the only layout it has). */
const compressedStateBytes = 584;

function latentSpec(headDim: number, contentBytes: number) {
  return {
    kind: "latent" as const,
    numKvHeads: 1,
    headDim,
    valueHeadDim: 0,
    contentBytes,
    numHeadSlots: null,
    span: null,
  };
}

/** Numbers that share one 4-byte scale in an indexer's cache. */
const indexScaleGroup = 128;

/** Bytes that the index of a sparse attention caches of one token beside keys and values; 0: none. */
function indexBytes(mixer: Mixer): number {
  if (mixer.kind === "attention") return (mixer.index?.headDim ?? 0) * 2;
  if (mixer.kind !== "latent" || mixer.indexer === null) return 0;
  const { headDim } = mixer.indexer;
  return (headDim + (headDim / indexScaleGroup) * 4) / (mixer.compressed?.ratio ?? 1);
}

/** Name of the layer that caches the index of layer `index`. */
export function indexLayerName(index: number): string {
  return `layer.${index}.index`;
}

/** The caches of sparse attention's indexes: one layer of its own each (deepseek_v2.py, minimax_m3/common/indexer.py). */
function indexLayers(model: ModelFacts, blockSize: number): NamedLayer[] {
  return model.layers.flatMap(({ mixer }, index) => {
    const bytes = indexBytes(mixer);
    if (bytes === 0) return [];
    const spec: AttentionSpec = {
      ...latentSpec(bytes, bytes),
      blockSize,
      dtypeBytes: 1,
      paddedPageBytes: null,
      spanKind: "window",
      extraTokens: 0,
      label: "index",
    };
    return [{ name: indexLayerName(index), spec }];
  });
}

/** Before 0.7 DeepSeek's keys and values were cached in full, padded to 256 numbers a head. */
function expandedLatent(
  base: Pick<
    AttentionSpec,
    "blockSize" | "dtypeBytes" | "paddedPageBytes" | "spanKind" | "extraTokens" | "label"
  >,
  heads: number,
): AttentionSpec {
  return {
    ...base,
    kind: "full",
    numKvHeads: heads,
    headDim: 256,
    valueHeadDim: 256,
    contentBytes: null,
    numHeadSlots: null,
    span: null,
  };
}

/**
 * The layers that cache something. In hybrid models the attention block grows until its page holds a state, and the state
 * is padded to that page.
 */
export function kvLayers(
  model: ModelFacts,
  device: Device,
  settings: VllmSettings,
  profile: VllmProfile,
  draft: Draft | null,
): KvLayers {
  const chosen = chosenBlockSize(model, device, settings);
  const tp = settings.tensorParallel;
  const states = model.layers.map(({ mixer: own }) => {
    const mixer = withStateDtype(own, device, settings);
    if (mixer.kind === "linear")
      return linearStateBytes(mixer, model.dtype, tp, settings.numSpeculativeTokens);
    return mixer.kind === "mamba2"
      ? mambaStateBytes(mixer, model.dtype, tp, settings.numSpeculativeTokens)
      : 0;
  });
  const stateBytes = Math.max(0, ...states);
  const single = attentionSpecs(model, settings, profile, 1).find((spec) => spec !== null);
  let blockSize = chosen;
  let padded: number | null = null;
  if (stateBytes > 0 && single !== undefined && single !== null) {
    const perToken = pageBytes(single);
    const align = Math.max(16, chosen, single.kind === "latent" ? 128 : 0);
    blockSize = Math.max(chosen, align * ceilDiv(stateBytes, align * perToken));
    padded = blockSize * perToken === stateBytes ? null : blockSize * perToken;
  }
  const shared = sharedPage(model, settings, profile, blockSize);
  if (shared !== null) blockSize = shared.blockSize;
  if (shared !== null && padded !== null) padded = shared.pageBytes;
  const attention = paddedToShare(attentionSpecs(model, settings, profile, blockSize), shared);
  const layers: NamedLayer[] = [];
  for (const [index, spec] of attention.entries()) {
    const state = states[index] ?? 0;
    const isMamba2 = model.layers[index]?.mixer.kind === "mamba2";
    const numCheckpointBlocks = isMamba2 ? profile.mamba2CheckpointBlocks : 0;
    const layer =
      spec ?? (state > 0 ? stateSpec(state, padded, settings, model, blockSize, numCheckpointBlocks) : null);
    if (layer !== null) layers.push({ name: `layer.${index}`, spec: layer });
  }
  layers.push(...indexLayers(model, blockSize));
  if (draft !== null) layers.push(...draftLayers(draft, settings, profile, blockSize));
  return { layers, blockSize, kvDtype: kvFormatOf(settings.kvDtype, model).name };
}

/** Name of a draft's layer; no layer of the target has it. */
export function draftLayerName(index: number): string {
  return `draft.${index}`;
}

/** The draft's attention layers beside those of the target: same block, same KV dtype, its own ranks. */
function draftLayers(
  draft: Draft,
  settings: VllmSettings,
  profile: VllmProfile,
  blockSize: number,
): NamedLayer[] {
  const own = { ...settings, tensorParallel: draft.tensorParallel, skippedKvLayers: new Set<string>() };
  return attentionSpecs(draft.facts, own, profile, blockSize).flatMap((spec, index) =>
    spec === null ? [] : [{ name: draftLayerName(index), spec }],
  );
}

interface SharedPage {
  readonly blockSize: number;
  readonly pageBytes: number;
}

/** Tokens of the smallest block that attention kernels take. */
const kernelBlock = 16;

/**
 * The page that layers of two KV dtypes share (`_align_heterogeneous_kv_block_size` of vLLM 0.32): the block grows until
 * its quantized page holds one kernel block of the wider layers. Null where no layer is left out or both pages agree.
 */
function sharedPage(
  model: ModelFacts,
  settings: VllmSettings,
  profile: VllmProfile,
  blockSize: number,
): SharedPage | null {
  const caching = attentionSpecs(model, settings, profile, 1).filter((spec) => spec !== null);
  const perToken = (isKept: boolean): number =>
    Math.max(0, ...caching.filter(({ label }) => (label === model.dtype) === isKept).map(pageBytes));
  const [kept, primary] = [perToken(true), perToken(false)];
  if (kept === 0 || primary === 0 || kept <= primary) return null;
  const align = Math.max(kernelBlock, blockSize);
  const grown = Math.max(blockSize, align * ceilDiv(kept * kernelBlock, align * primary));
  return { blockSize: grown, pageBytes: grown * primary };
}

/** Sliding layers pad to the shared page, in the largest block that fits it; full ones agree on tokens and pad nothing. */
function paddedToShare(
  specs: readonly (AttentionSpec | null)[],
  shared: SharedPage | null,
): readonly (AttentionSpec | null)[] {
  if (shared === null) return specs;
  return specs.map((spec) => {
    if (spec === null || spec.kind !== "sliding") return spec;
    const perToken = pageBytes({ ...spec, blockSize: 1 });
    const fitting = Math.floor(shared.pageBytes / perToken / kernelBlock) * kernelBlock;
    return { ...spec, blockSize: Math.max(kernelBlock, fitting), paddedPageBytes: shared.pageBytes };
  });
}

function stateSpec(
  stateBytes: number,
  padded: number | null,
  settings: VllmSettings,
  model: ModelFacts,
  blockSize: number,
  numCheckpointBlocks: number,
): StateSpec {
  return {
    kind: "mamba",
    blockSize: settings.mambaCacheMode === "none" ? model.maxPositions : blockSize,
    stateBytes,
    paddedPageBytes: padded,
    numSpeculativeBlocks: settings.numSpeculativeTokens,
    numCheckpointBlocks,
    label: "state",
  };
}
