/** @module How one layer mixes tokens, from the fields of its configuration. */
import { PagodaError } from "../../core/errors.ts";
import { type ConfigFields, isObject } from "./config-fields.ts";
import type { Mixer } from "./facts.ts";
import type { LayerKind } from "./layer-kinds.ts";

/** True for the last layers of Gemma 4's small models, which read the cache of an earlier layer. */
export function borrowsCache(fields: ConfigFields, index: number): boolean {
  const numBorrowing = fields.integer(["num_kv_shared_layers"]) ?? 0;
  const numLayers = fields.integer(["num_hidden_layers"]) ?? 0;
  return numBorrowing > 0 && index >= numLayers - numBorrowing;
}

/** Names of a window's own sizes (MiMo V2), then those of all layers. */
function named(kind: LayerKind, ...names: readonly string[]): readonly string[] {
  return kind === "sliding" ? [...names.map((name) => `swa_${name}`), ...names] : names;
}

function headDimOf(fields: ConfigFields, hidden: number, kind: LayerKind, numHeads: number): number {
  const isGlobal = kind === "full";
  const globalHeadDim = isGlobal ? fields.integer(["global_head_dim"]) : null;
  // Qwen2's code divides the hidden size whatever head_dim says.
  const isDivided = /^Qwen2(Moe)?ForCausalLM/.test(String(fields.source.architecture));
  const stated = isDivided
    ? null
    : fields.integer(named(kind, "head_dim", "kv_channels", "attention_head_dim"));
  const headDim = globalHeadDim ?? stated ?? hidden / numHeads;
  if (Number.isInteger(headDim)) return headDim;
  throw new PagodaError("model_invalid", `hidden_size ${hidden} does not divide into ${numHeads} heads.`, {
    param: "num_attention_heads",
    hint: 'State "head_dim" in config.json.',
  });
}

/** The index of a sparse attention, where this layer has one (MiniMax M3). */
function indexOf(fields: ConfigFields, index: number): { numHeads: number; headDim: number } | null {
  const sparse = fields.object("sparse_attention_config");
  const frequency = sparse?.sparse_attention_freq;
  const isSparse = Array.isArray(frequency) ? frequency[index] === 1 : sparse !== null;
  if (sparse === null || !isSparse || sparse.use_sparse_attention === false) return null;
  const [numHeads, headDim] = [Number(sparse.sparse_num_index_heads), Number(sparse.sparse_index_dim)];
  return Number.isInteger(numHeads) && Number.isInteger(headDim) ? { numHeads, headDim } : null;
}

function attention(fields: ConfigFields, hidden: number, kind: LayerKind, index: number): Mixer {
  const numHeads = fields.required(named(kind, "num_attention_heads", "n_head", "n_heads"));
  const headDim = headDimOf(fields, hidden, kind, numHeads);
  const isGlobal = kind === "full";
  const isMultiQuery =
    fields.boolean("multi_query") === true && fields.boolean("new_decoder_architecture") !== true;
  const numKvHeads =
    (isGlobal ? fields.integer(["num_global_key_value_heads"]) : null) ??
    fields.integer(
      named(kind, "num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_head_kv"),
    ) ??
    (isMultiQuery ? 1 : numHeads);
  const sparseIndex = indexOf(fields, index);
  const hasSinks = kind === "sliding" && fields.boolean("add_swa_attention_sink_bias") === true;
  const valueHeadDim = fields.integer(named(kind, "v_head_dim"));
  return {
    kind: "attention",
    numHeads,
    numKvHeads,
    headDim,
    valueHeadDim: fields.integer(["kv_lora_rank"]) === null ? (valueHeadDim ?? headDim) : headDim,
    window: kind === "sliding" ? fields.integer(["sliding_window", "sliding_window_size"]) : null,
    chunk: kind === "chunked" ? (fields.integer(["attention_chunk_size"]) ?? 8192) : null,
    hasOutputGate:
      fields.integer(["linear_num_key_heads"]) !== null && fields.boolean("attn_output_gate") !== false,
    sharesKeyValue:
      isGlobal && fields.integer(["global_head_dim"]) !== null && fields.boolean("attention_k_eq_v") === true,
    isCross: kind === "cross",
    ...(borrowsCache(fields, index) ? { borrowsCache: true as const } : {}),
    ...(sparseIndex === null ? {} : { index: sparseIndex }),
    ...(hasSinks ? { hasSinks: true as const } : {}),
  };
}

/** DeepSeek V4: one vector a token for keys and values, compressed by the ratio that the layer's place in a list says. */
function compressed(fields: ConfigFields, index: number): Mixer {
  const headDim = fields.required(["head_dim"]);
  const ropeHeadDim = fields.required(["qk_rope_head_dim"]);
  const listed = fields.list("compress_ratios")?.[index];
  const ratio = typeof listed === "number" ? listed : 0;
  const indexHeads = fields.integer(["index_n_heads"]);
  return {
    kind: "latent",
    numHeads: fields.required(["num_attention_heads"]),
    queryRank: fields.required(["q_lora_rank"]),
    kvRank: headDim - ropeHeadDim,
    nopeHeadDim: headDim - ropeHeadDim,
    ropeHeadDim,
    valueHeadDim: headDim,
    // Only layers that compress few tokens into one pick among them.
    indexer:
      indexHeads === null || ratio !== 4
        ? null
        : { numHeads: indexHeads, headDim: fields.required(["index_head_dim"]) },
    compressed: {
      ratio,
      outputGroups: fields.required(["o_groups"]),
      outputRank: fields.required(["o_lora_rank"]),
    },
  };
}

function latent(fields: ConfigFields, index: number): Mixer {
  const indexHeads = fields.integer(["index_n_heads"]);
  const isShared = fields.list("indexer_types")?.[index] === "shared";
  return {
    kind: "latent",
    numHeads: fields.required(["num_attention_heads"]),
    queryRank: fields.integer(["q_lora_rank"]),
    kvRank: fields.required(["kv_lora_rank"]),
    nopeHeadDim: fields.required(["qk_nope_head_dim"]),
    ropeHeadDim: fields.required(["qk_rope_head_dim"]),
    valueHeadDim: fields.integer(["v_head_dim"]) ?? fields.required(["qk_nope_head_dim"]),
    indexer:
      indexHeads === null || isShared
        ? null
        : { numHeads: indexHeads, headDim: fields.required(["index_head_dim"]) },
    ...(fields.boolean("mla_use_output_gate") === true ? { hasOutputGate: true as const } : {}),
  };
}

/** Kimi's delta attention: as many key heads as value heads, all of one width. */
function deltaAttention(fields: ConfigFields): Mixer | null {
  const own = fields.object("linear_attn_config");
  if (!isObject(own)) return null;
  const [heads, width] = [Number(own.num_heads), Number(own.head_dim)];
  if (!Number.isInteger(heads) || !Number.isInteger(width)) return null;
  return {
    kind: "linear",
    numKeyHeads: heads,
    numValueHeads: heads,
    keyHeadDim: width,
    valueHeadDim: width,
    convWidth: Number(own.short_conv_kernel_size ?? 4),
    stateDtype: "float32",
  };
}

function linear(fields: ConfigFields): Mixer {
  return (
    deltaAttention(fields) ?? {
      kind: "linear",
      numKeyHeads: fields.required(["linear_num_key_heads"]),
      numValueHeads: fields.required(["linear_num_value_heads"]),
      keyHeadDim: fields.required(["linear_key_head_dim"]),
      valueHeadDim: fields.required(["linear_value_head_dim"]),
      convWidth: fields.required(["linear_conv_kernel_dim"]),
      stateDtype: fields.text("mamba_ssm_dtype") === "float32" ? "float32" : "model",
    }
  );
}

function mamba(fields: ConfigFields): Mixer {
  // Nemotron-H keeps its states in f32 unless it says otherwise (vLLM's NemotronHForCausalLMConfig).
  const isNemotron = /^NemotronH/.test(String(fields.source.architecture));
  const stated = fields.text("mamba_ssm_cache_dtype") ?? fields.text("mamba_ssm_dtype");
  return {
    kind: "mamba2",
    numHeads: fields.required(["mamba_num_heads", "mamba_n_heads", "num_heads"]),
    headDim: fields.required(["mamba_head_dim", "mamba_d_head", "head_dim"]),
    stateWidth: fields.required(["ssm_state_size", "mamba_d_state", "state_size"]),
    numGroups: fields.integer(["n_groups", "mamba_n_groups"]) ?? 1,
    convWidth: fields.integer(["conv_kernel", "mamba_d_conv"]) ?? 4,
    stateDtype: stated === "float32" || (stated === null && isNemotron) ? "float32" : "model",
  };
}

/** The mixer of layer `index`. @throws PagodaError `model_invalid` naming a field that is missing. */
export function mixerOf(fields: ConfigFields, hidden: number, kind: LayerKind, index: number): Mixer {
  if (kind === "none") return { kind: "none" };
  if (kind === "linear") return linear(fields);
  if (kind === "mamba") return mamba(fields);
  if (fields.list("compress_ratios") !== null) return compressed(fields, index);
  return fields.integer(["kv_lora_rank"]) === null
    ? attention(fields, hidden, kind, index)
    : latent(fields, index);
}
