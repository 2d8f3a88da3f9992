/** @module Tensor names: GGUF's and Gemma 3's nested ones → those of a plain Hugging Face folder, and names to ignore. */
import { PagodaError } from "../../../core/errors.ts";
import type { ArchitectureName, ModelConfig } from "../../config/model-config.ts";
import type { StoredTensor, TensorDirectory } from "../../weights/tensor-directory.ts";

const ggufOuterNames: Readonly<Record<string, string>> = {
  "token_embd.weight": "model.embed_tokens.weight",
  "output_norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
  "output.scale": "lm_head.scale",
};

/** `blk.N.` + key → `model.layers.N.` + value; `.weight` or `.bias` follows. */
const ggufLayerNames: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_qkv: "self_attn.qkv_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
  post_attention_norm: "post_attention_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
};

/** Where an architecture means something else by a GGUF name. */
const ggufExceptions: Partial<Record<ArchitectureName, Readonly<Record<string, string>>>> = {
  gemma2: { ffn_norm: "pre_feedforward_layernorm" },
  gemma3: { ffn_norm: "pre_feedforward_layernorm" },
  olmo2: { ffn_norm: "pre_feedforward_layernorm" },
  phi3: { ffn_up: "mlp.gate_up_proj" },
};

const ggufLayerPattern = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias|scale|input_scale)$/;

/** Prefixes of the text model inside a multimodal checkpoint, in the files of transformers 4 and 5. */
const nestedPrefixes: readonly (readonly [from: string, to: string])[] = [
  ["language_model.model.", "model."],
  ["model.language_model.", "model."],
  ["language_model.lm_head.", "lm_head."],
];

interface IgnorableName {
  readonly pattern: RegExp;
  readonly when: (config: ModelConfig) => boolean;
  readonly reason: string;
}

const always = (): boolean => true;
const ignorableNames: readonly IgnorableName[] = [
  {
    pattern: /\.rotary_emb\.(inv_freq|cos_cached|sin_cached)$/,
    when: always,
    reason: "a saved buffer; the angles are computed from the configuration",
  },
  {
    pattern: /\.self_attn\.(bias|masked_bias)$/,
    when: always,
    reason: "a saved causal mask of old checkpoints",
  },
  {
    pattern: /^rope_(freqs|factors_long|factors_short)\.weight$/,
    when: (config) => config.checkpoint === "gguf",
    reason: "read with the configuration: it holds the divisors of the rotary frequencies",
  },
  {
    pattern: /\.input_scale$/,
    when: (config) => config.checkpoint === "gguf",
    reason:
      "for processors that multiply 4-bit floats: it scales activations before they are rounded to those",
  },
  {
    pattern: /^(model\.)?(vision_tower|multi_modal_projector|vision_model)\./,
    when: (config) => config.architecture === "gemma3",
    reason: "sees images; only text is served",
  },
];

/** True where a tensor may be left unused without changing a logit. */
export function isIgnorable(canonicalName: string, config: ModelConfig): boolean {
  return ignorableNames.some(({ pattern, when }) => pattern.test(canonicalName) && when(config));
}

/** The directory under canonical names; names that no rule knows keep their own. Throws where two become one. */
export function canonicalNames(
  config: ModelConfig,
  tensors: TensorDirectory,
): ReadonlyMap<string, StoredTensor> {
  const canonical = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const renamed = config.checkpoint === "gguf" ? fromGguf(name, config.architecture) : fromNested(name);
    const other = canonical.get(renamed);
    if (other !== undefined)
      throw new PagodaError(
        "model_invalid",
        `The tensors ${other.name} and ${name} are both ${renamed}: the checkpoint holds a weight twice.`,
        { hint: "Remove the file that does not belong to the checkpoint." },
      );
    canonical.set(renamed, tensor);
  }
  return canonical;
}

function fromGguf(name: string, architecture: ArchitectureName): string {
  if (Object.hasOwn(ggufOuterNames, name)) return ggufOuterNames[name] ?? name;
  const match = ggufLayerPattern.exec(name);
  if (match === null) return name;
  const [, layer = "", key = "", kind = ""] = match;
  const exceptions = ggufExceptions[architecture] ?? {};
  const renamed = Object.hasOwn(exceptions, key)
    ? exceptions[key]
    : Object.hasOwn(ggufLayerNames, key)
      ? ggufLayerNames[key]
      : undefined;
  return renamed === undefined ? name : `model.layers.${layer}.${renamed}.${kind}`;
}

/** The name of a tensor in the checkpoint's own format, for messages. */
export function storedName(canonicalName: string, { checkpoint, architecture }: ModelConfig): string {
  if (checkpoint !== "gguf") return canonicalName;
  const outer = Object.keys(ggufOuterNames).find((name) => ggufOuterNames[name] === canonicalName);
  const [, layer, kind] = /^model\.layers\.(\d+)\..*\.(weight|bias)$/.exec(canonicalName) ?? [];
  const names = Object.keys(ggufLayerNames).map((key) => `blk.${layer}.${key}.${kind}`);
  return outer ?? names.find((name) => fromGguf(name, architecture) === canonicalName) ?? canonicalName;
}

function fromNested(name: string): string {
  for (const [from, to] of nestedPrefixes) if (name.startsWith(from)) return to + name.slice(from.length);
  return name;
}
