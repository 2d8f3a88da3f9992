/** @module How vLLM's KV dtypes store the keys and values of one head, and which layers are left out of one. */
import { PagodaError } from "../../../../core/errors.ts";
import { dtypeBytes, type Mixer, type ModelFacts } from "../../../model/facts.ts";
import { roundUp } from "../../../quantity/bytes.ts";
import { nearest } from "../../../words/nearest.ts";

/** How one KV dtype stores a head of one token: bytes a number, or packed bytes for both widths. */
export interface KvFormat {
  readonly dtypeBytes: number;
  readonly content: ((headDim: number, valueHeadDim: number) => number) | null;
  readonly slotsPerHead: number;
  /** Packed bytes of the latent vector and the rotated part of one token, where the format packs them. */
  readonly latentContent?: (kvRank: number, ropeHeadDim: number) => number;
}

/** Latent numbers that share one 4-byte scale in `fp8_ds_mla`. */
const latentScaleGroup = 128;

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
  // 512 numbers of 1 byte, their scales, and 64 rotated numbers of 2 bytes: 656 bytes a token in DeepSeek's models.
  fp8_ds_mla: {
    ...plain(1),
    latentContent: (kvRank, ropeHeadDim) => kvRank + (kvRank / latentScaleGroup) * 4 + ropeHeadDim * 2,
  },
  turboquant_k8v4: turbo(8, 4),
  turboquant_4bit_nc: turbo(4, 4),
  turboquant_k3v4_nc: turbo(3, 4),
  turboquant_3bit_nc: turbo(3, 3),
};

/**
 * The KV dtype after `auto`: what the checkpoint declares, else the model's own.
 * @throws PagodaError `plan_invalid` naming the nearest known dtype.
 */
export function kvFormatOf(
  name: string,
  model: ModelFacts,
): { readonly name: string; readonly format: KvFormat } {
  if (name === "auto") {
    if (model.declaredKvDtype !== null) return kvFormatOf(model.declaredKvDtype, model);
    return { name: model.dtype, format: plain(dtypeBytes(model.dtype)) };
  }
  const isSparse = model.layers.some(({ mixer }) => mixer.kind === "latent" && mixer.indexer !== null);
  // Sparse latent attention has one layout of fp8 (vLLM's DeepseekV32 configuration).
  if (isSparse && /^fp8(?:_e4m3)?$/.test(name)) return kvFormatOf("fp8_ds_mla", model);
  const format = kvFormats[name];
  const hasLatent = model.layers.some(({ mixer }) => mixer.kind === "latent");
  if (format?.latentContent !== undefined && !hasLatent)
    throw new PagodaError("plan_invalid", `${name} stores latent attention; ${model.name} has none.`, {
      param: "kv-cache-dtype",
      hint: "Use --kv-cache-dtype fp8.",
    });
  if (format !== undefined) return { name, format };
  throw new PagodaError("plan_invalid", `vLLM has no KV cache dtype "${name}".`, {
    param: "kv-cache-dtype",
    hint: `The nearest is ${nearest(name, Object.keys(kvFormats))}.`,
  });
}

/** Layers at each end that packed 3- and 4-bit formats leave in the model's dtype; none in hybrid models. */
const numBoundaryLayers = 2;

/** True where layer `index` keeps the model's own dtype: it is named, or stands at the edge of a packed format. */
export function keepsModelDtype(
  index: number,
  mixer: Mixer,
  model: ModelFacts,
  skipped: ReadonlySet<string>,
  kvDtype: string,
): boolean {
  if (skipped.has(String(index))) return true;
  if (mixer.kind === "attention" && mixer.window !== null && skipped.has("sliding_window")) return true;
  if (!kvDtype.startsWith("turboquant_")) return false;
  const isHybrid = model.layers.some(({ mixer: { kind } }) => kind === "linear" || kind === "mamba2");
  const numEach = isHybrid ? 0 : Math.min(numBoundaryLayers, Math.floor(model.layers.length / 2));
  return index < numEach || index >= model.layers.length - numEach;
}
