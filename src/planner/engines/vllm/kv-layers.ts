/** @module The KV cache layers of a model as vLLM lays them out on one rank (vllm-memory.md §3.1, §3.3). */
import { PagodaError } from "../../../core/errors.ts";
import { ceilDiv, roundUp } from "../../bytes.ts";
import type { Device } from "../../device/device.ts";
import type { NamedLayer } from "../../kv/layer-groups.ts";
import { type AttentionSpec, pageBytes, type StateSpec } from "../../kv/layer-spec.ts";
import {
  dtypeBytes,
  type LinearMixer,
  type MambaMixer,
  type Mixer,
  type ModelDtype,
  type ModelFacts,
} from "../../model/facts.ts";
import { kvHeadsOnRank } from "../../model/rank-tensors.ts";
import { nearest } from "../../nearest.ts";
import type { VllmSettings } from "./settings.ts";
import type { VllmProfile } from "./versions.ts";

/** How one KV dtype stores a head of one token: bytes a number, or packed bytes for both widths. */
interface KvFormat {
  readonly dtypeBytes: number;
  readonly content: ((headDim: number, valueHeadDim: number) => number) | null;
  readonly slotsPerHead: number;
}

const plain = (bytes: number): KvFormat => ({ dtypeBytes: bytes, content: null, slotsPerHead: 1 });
/** Per-token-head scales: 4 bytes for K and 4 for V beside the numbers. */
const scaled = (bytes: number): KvFormat => ({
  dtypeBytes: 1,
  content: (k, v) => (k + v) * bytes + 8,
  slotsPerHead: 1,
});
const turbo = (keyBits: number, valueBits: number): KvFormat => ({
  dtypeBytes: 1,
  content: (k, v) => {
    const key = keyBits === 8 ? k : Math.ceil((k * keyBits) / 8) + 2;
    return roundUp(key + Math.ceil((v * valueBits) / 8) + 4, 2);
  },
  slotsPerHead: 1,
});

const kvFormats: Readonly<Record<string, KvFormat>> = {
  float16: plain(2),
  bfloat16: plain(2),
  fp8: plain(1),
  fp8_e4m3: plain(1),
  fp8_e5m2: plain(1),
  fp8_inc: plain(1),
  int8_per_token_head: scaled(1),
  fp8_per_token_head: scaled(1),
  int4_per_token_head: scaled(0.5),
  nvfp4: { dtypeBytes: 1, content: (k) => k / 2 + k / 16, slotsPerHead: 2 },
  turboquant_k8v4: turbo(8, 4),
  turboquant_4bit_nc: turbo(4, 4),
  turboquant_k3v4_nc: turbo(3, 4),
  turboquant_3bit_nc: turbo(3, 3),
};

/**
 * The KV dtype after `auto`: what the checkpoint declares, else the model's own.
 * @throws PagodaError `plan_invalid` naming the nearest known dtype.
 */
function kvFormatOf(name: string, model: ModelFacts): { readonly name: string; readonly format: KvFormat } {
  if (name === "auto") {
    if (model.declaredKvDtype !== null) return kvFormatOf(model.declaredKvDtype, model);
    return { name: model.dtype, format: plain(dtypeBytes(model.dtype)) };
  }
  const format = kvFormats[name];
  if (format !== undefined) return { name, format };
  throw new PagodaError("plan_invalid", `vLLM has no KV cache dtype "${name}".`, {
    param: "kv-cache-dtype",
    hint: `The nearest is ${nearest(name, Object.keys(kvFormats))}.`,
  });
}

/** Block size of the attention backend that vLLM picks (vllm-memory.md §3.3). */
function defaultBlockSize(model: ModelFacts, device: Device): number {
  const isLatent = model.layers.some(({ mixer }) => mixer.kind === "latent");
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
  const { name, format } = kvFormatOf(settings.kvDtype, model);
  const tp = settings.tensorParallel;
  return model.layers.map(({ mixer }) => {
    const base = {
      blockSize,
      dtypeBytes: format.dtypeBytes,
      paddedPageBytes: null,
      spanKind: "window" as const,
      extraTokens: 0,
      label: name,
    };
    if (mixer.kind === "latent") {
      if (!profile.usesLatentCache) return expandedLatent(base, mixer.numHeads / tp);
      const width = mixer.kvRank + mixer.ropeHeadDim;
      return {
        ...base,
        kind: "latent",
        numKvHeads: 1,
        headDim: width,
        valueHeadDim: 0,
        contentBytes: null,
        numHeadSlots: null,
        span: null,
      };
    }
    if (mixer.kind !== "attention") return null;
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
  const attention = attentionSpecs(model, settings, profile, blockSize);
  const layers: NamedLayer[] = [];
  for (const [index, spec] of attention.entries()) {
    const state = states[index] ?? 0;
    const isMamba2 = model.layers[index]?.mixer.kind === "mamba2";
    const numCheckpointBlocks = isMamba2 ? profile.mamba2CheckpointBlocks : 0;
    const layer =
      spec ?? (state > 0 ? stateSpec(state, padded, settings, model, blockSize, numCheckpointBlocks) : null);
    if (layer !== null) layers.push({ name: `layer.${index}`, spec: layer });
  }
  return { layers, blockSize, kvDtype: kvFormatOf(settings.kvDtype, model).name };
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
