/** @module Small models of several architectures: GGUF metadata and tensors, all zeros, for llama-server to load. */
import type { TensorType } from "../../src/core/tensor-type.ts";

/** Name, widths from the innermost, encoding. */
export type ShapeTensor = readonly [name: string, widths: readonly number[], type: TensorType];

export interface ModelShape {
  readonly name: string;
  /** Metadata under `general.` and the architecture's own prefix; the tokens follow from `vocab_size`. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly tensors: readonly ShapeTensor[];
}

interface Sizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly width: number;
  readonly vocab: number;
  readonly isTied?: boolean;
  readonly type?: TensorType;
}

interface Experts {
  readonly count: number;
  readonly used: number;
  readonly width: number;
}

function metadataOf(
  architecture: string,
  sizes: Sizes,
  more: ModelShape["metadata"],
): ModelShape["metadata"] {
  const own: ModelShape["metadata"] = {
    block_count: sizes.layers,
    context_length: 32_768,
    embedding_length: sizes.hidden,
    feed_forward_length: sizes.width,
    "attention.head_count": sizes.heads,
    "attention.head_count_kv": sizes.kvHeads,
    "attention.key_length": sizes.headDim,
    "attention.value_length": sizes.headDim,
    "attention.layer_norm_rms_epsilon": 1e-6,
    "rope.dimension_count": sizes.headDim,
    vocab_size: sizes.vocab,
    ...more,
  };
  const prefixed = Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value] as const);
  return { "general.architecture": architecture, ...Object.fromEntries(prefixed) };
}

function frame({ hidden, vocab, isTied, type = "Q8_0" }: Sizes): ShapeTensor[] {
  const head: ShapeTensor[] = isTied === true ? [] : [["output.weight", [hidden, vocab], type]];
  return [["token_embd.weight", [hidden, vocab], type], ["output_norm.weight", [hidden], "F32"], ...head];
}

function attention(layer: number, sizes: Sizes, { queryTimes = 1 } = {}): ShapeTensor[] {
  const { hidden, heads, kvHeads, headDim, type = "Q8_0" } = sizes;
  return [
    [`blk.${layer}.attn_q.weight`, [hidden, heads * headDim * queryTimes], type],
    [`blk.${layer}.attn_k.weight`, [hidden, kvHeads * headDim], type],
    [`blk.${layer}.attn_v.weight`, [hidden, kvHeads * headDim], type],
    [`blk.${layer}.attn_output.weight`, [heads * headDim, hidden], type],
  ];
}

function norms(layer: number, hidden: number, names: readonly string[]): ShapeTensor[] {
  return names.map((name) => [`blk.${layer}.${name}.weight`, [hidden], "F32"] as const);
}

function feedForward(layer: number, { hidden, width, type = "Q8_0" }: Sizes): ShapeTensor[] {
  return [
    [`blk.${layer}.ffn_gate.weight`, [hidden, width], type],
    [`blk.${layer}.ffn_up.weight`, [hidden, width], type],
    [`blk.${layer}.ffn_down.weight`, [width, hidden], type],
  ];
}

function experts(layer: number, { hidden, type = "Q8_0" }: Sizes, { count, width }: Experts): ShapeTensor[] {
  return [
    [`blk.${layer}.ffn_gate_inp.weight`, [hidden, count], "F32"],
    [`blk.${layer}.ffn_gate_exps.weight`, [hidden, width, count], type],
    [`blk.${layer}.ffn_up_exps.weight`, [hidden, width, count], type],
    [`blk.${layer}.ffn_down_exps.weight`, [width, hidden, count], type],
  ];
}

function everyLayer(layers: number, tensorsOf: (layer: number) => readonly ShapeTensor[]): ShapeTensor[] {
  return Array.from({ length: layers }, (_, layer) => tensorsOf(layer)).flat();
}

function llama(name: string, sizes: Sizes): ModelShape {
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, sizes.hidden, ["attn_norm", "ffn_norm"]),
    ...attention(layer, sizes),
    ...feedForward(layer, sizes),
  ]);
  return { name, metadata: metadataOf("llama", sizes, {}), tensors: [...frame(sizes), ...tensors] };
}

function qwen3(name: string, sizes: Sizes): ModelShape {
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, sizes.hidden, ["attn_norm", "ffn_norm"]),
    ...norms(layer, sizes.headDim, ["attn_q_norm", "attn_k_norm"]),
    ...attention(layer, sizes),
    ...feedForward(layer, sizes),
  ]);
  return { name, metadata: metadataOf("qwen3", sizes, {}), tensors: [...frame(sizes), ...tensors] };
}

function gemma3(name: string, sizes: Sizes, window: number): ModelShape {
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, sizes.hidden, ["attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"]),
    ...norms(layer, sizes.headDim, ["attn_q_norm", "attn_k_norm"]),
    ...attention(layer, sizes),
    ...feedForward(layer, sizes),
  ]);
  const metadata = metadataOf("gemma3", sizes, { "attention.sliding_window": window });
  return { name, metadata, tensors: [...frame(sizes), ...tensors] };
}

function qwen3moe(name: string, sizes: Sizes, routed: Experts): ModelShape {
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, sizes.hidden, ["attn_norm", "ffn_norm"]),
    ...norms(layer, sizes.headDim, ["attn_q_norm", "attn_k_norm"]),
    ...attention(layer, sizes),
    ...experts(layer, sizes, routed),
  ]);
  const metadata = metadataOf("qwen3moe", sizes, {
    expert_count: routed.count,
    expert_used_count: routed.used,
    expert_feed_forward_length: routed.width,
  });
  return { name, metadata, tensors: [...frame(sizes), ...tensors] };
}

function gptOss(name: string, sizes: Sizes, routed: Experts): ModelShape {
  const { hidden, heads, kvHeads, headDim } = sizes;
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, hidden, ["attn_norm", "post_attention_norm"]),
    ...attention(layer, sizes),
    [`blk.${layer}.attn_q.bias`, [heads * headDim], "F32"],
    [`blk.${layer}.attn_k.bias`, [kvHeads * headDim], "F32"],
    [`blk.${layer}.attn_v.bias`, [kvHeads * headDim], "F32"],
    [`blk.${layer}.attn_output.bias`, [hidden], "F32"],
    [`blk.${layer}.attn_sinks.weight`, [heads], "F32"],
    ...experts(layer, sizes, routed),
    [`blk.${layer}.ffn_gate_inp.bias`, [routed.count], "F32"],
    [`blk.${layer}.ffn_gate_exps.bias`, [routed.width, routed.count], "F32"],
    [`blk.${layer}.ffn_up_exps.bias`, [routed.width, routed.count], "F32"],
    [`blk.${layer}.ffn_down_exps.bias`, [hidden, routed.count], "F32"],
  ]);
  const metadata = metadataOf("gpt-oss", sizes, {
    "attention.sliding_window": 128,
    expert_count: routed.count,
    expert_used_count: routed.used,
    expert_feed_forward_length: routed.width,
  });
  return { name, metadata, tensors: [...frame(sizes), ...tensors] };
}

interface DeltaSizes {
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly stateWidth: number;
}

function deltaNet(layer: number, { hidden, type = "Q8_0" }: Sizes, delta: DeltaSizes): ShapeTensor[] {
  const { keyHeads, valueHeads, stateWidth } = delta;
  const channels = 2 * keyHeads * stateWidth + valueHeads * stateWidth;
  return [
    [`blk.${layer}.attn_qkv.weight`, [hidden, channels], type],
    [`blk.${layer}.attn_gate.weight`, [hidden, valueHeads * stateWidth], type],
    [`blk.${layer}.ssm_conv1d.weight`, [4, channels], "F32"],
    [`blk.${layer}.ssm_dt.bias`, [valueHeads], "F32"],
    [`blk.${layer}.ssm_a`, [valueHeads], "F32"],
    [`blk.${layer}.ssm_beta.weight`, [hidden, valueHeads], type],
    [`blk.${layer}.ssm_alpha.weight`, [hidden, valueHeads], type],
    [`blk.${layer}.ssm_norm.weight`, [stateWidth], "F32"],
    [`blk.${layer}.ssm_out.weight`, [valueHeads * stateWidth, hidden], type],
  ];
}

function qwen35(name: string, sizes: Sizes, delta: DeltaSizes): ModelShape {
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, sizes.hidden, ["attn_norm", "post_attention_norm"]),
    ...((layer + 1) % 4 === 0
      ? [
          ...norms(layer, sizes.headDim, ["attn_q_norm", "attn_k_norm"]),
          ...attention(layer, sizes, { queryTimes: 2 }),
        ]
      : deltaNet(layer, sizes, delta)),
    ...feedForward(layer, sizes),
  ]);
  const metadata = metadataOf("qwen35", sizes, {
    "rope.dimension_sections": "11,11,10,0",
    "ssm.conv_kernel": 4,
    "ssm.inner_size": delta.valueHeads * delta.stateWidth,
    "ssm.state_size": delta.stateWidth,
    "ssm.time_step_rank": delta.valueHeads,
    "ssm.group_count": delta.keyHeads,
    full_attention_interval: 4,
  });
  return { name, metadata, tensors: [...frame(sizes), ...tensors] };
}

interface LatentSizes {
  readonly kvRank: number;
  readonly nope: number;
  readonly rope: number;
  readonly value: number;
}

function latentAttention(layer: number, sizes: Sizes, latent: LatentSizes): ShapeTensor[] {
  const { hidden, heads, type = "Q8_0" } = sizes;
  const { kvRank, nope, rope, value } = latent;
  return [
    [`blk.${layer}.attn_q_a_norm.weight`, [256], "F32"],
    [`blk.${layer}.attn_q_a.weight`, [hidden, 256], type],
    [`blk.${layer}.attn_q_b.weight`, [256, heads * (nope + rope)], type],
    [`blk.${layer}.attn_kv_a_norm.weight`, [kvRank], "F32"],
    [`blk.${layer}.attn_kv_a_mqa.weight`, [hidden, kvRank + rope], type],
    [`blk.${layer}.attn_k_b.weight`, [nope, kvRank, heads], type],
    [`blk.${layer}.attn_v_b.weight`, [kvRank, value, heads], type],
    [`blk.${layer}.attn_output.weight`, [heads * value, hidden], type],
  ];
}

function deepseek2(name: string, sizes: Sizes, latent: LatentSizes, routed: Experts): ModelShape {
  const { hidden, type = "Q8_0" } = sizes;
  const tensors = everyLayer(sizes.layers, (layer) => [
    ...norms(layer, hidden, ["attn_norm", "ffn_norm"]),
    ...latentAttention(layer, sizes, latent),
    ...(layer === 0
      ? feedForward(layer, sizes)
      : [
          ...experts(layer, sizes, routed),
          [`blk.${layer}.ffn_gate_shexp.weight`, [hidden, routed.width], type] as const,
          [`blk.${layer}.ffn_up_shexp.weight`, [hidden, routed.width], type] as const,
          [`blk.${layer}.ffn_down_shexp.weight`, [routed.width, hidden], type] as const,
        ]),
  ]);
  const metadata = metadataOf("deepseek2", sizes, {
    "attention.head_count_kv": 1,
    "attention.key_length": latent.kvRank + latent.rope,
    "attention.value_length": latent.kvRank,
    "attention.key_length_mla": latent.nope + latent.rope,
    "attention.value_length_mla": latent.value,
    "attention.q_lora_rank": 256,
    "attention.kv_lora_rank": latent.kvRank,
    "rope.dimension_count": latent.rope,
    leading_dense_block_count: 1,
    expert_count: routed.count,
    expert_used_count: routed.used,
    expert_shared_count: 1,
    expert_feed_forward_length: routed.width,
    expert_weights_scale: 2.5,
    expert_weights_norm: true,
    expert_gating_func: 2,
  });
  return { name, metadata, tensors: [...frame(sizes), ...tensors] };
}

const plain = { heads: 8, kvHeads: 2, headDim: 64 } as const;

/** Every shape that the fixture has. */
export const shapes: readonly ModelShape[] = [
  llama("llama-wide", { ...plain, layers: 6, hidden: 512, width: 1408, vocab: 32_000 }),
  llama("llama-f16", {
    layers: 3,
    hidden: 768,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    width: 2048,
    vocab: 8192,
    type: "F16",
  }),
  qwen3("qwen3-tied", {
    layers: 5,
    hidden: 1024,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    width: 3072,
    vocab: 50_000,
    isTied: true,
    type: "Q4_K",
  }),
  gemma3(
    "gemma3-windows",
    { layers: 8, hidden: 640, heads: 4, kvHeads: 1, headDim: 256, width: 2048, vocab: 40_000, isTied: true },
    512,
  ),
  qwen3moe(
    "qwen3-experts",
    { ...plain, layers: 4, hidden: 512, width: 1024, vocab: 20_000 },
    { count: 32, used: 8, width: 256 },
  ),
  gptOss(
    "gpt-oss-sinks",
    { ...plain, layers: 4, hidden: 576, width: 576, vocab: 24_000 },
    { count: 16, used: 4, width: 576 },
  ),
  qwen35(
    "qwen35-states",
    { layers: 8, hidden: 512, heads: 4, kvHeads: 1, headDim: 256, width: 1536, vocab: 30_000 },
    { keyHeads: 8, valueHeads: 16, stateWidth: 64 },
  ),
  deepseek2(
    "deepseek2-latent",
    { layers: 4, hidden: 512, heads: 8, kvHeads: 8, headDim: 96, width: 1536, vocab: 16_000 },
    { kvRank: 256, nope: 64, rope: 32, value: 64 },
    { count: 16, used: 4, width: 256 },
  ),
];
