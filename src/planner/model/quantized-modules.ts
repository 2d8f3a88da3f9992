/**
 * @module The module names by which checkpoints say what is quantized and how: `model.layers.3.self_attn.o_proj`,
 * `re:.*shared_experts.*`, `backbone.layers.5.mixer.experts.0.down_proj`, `layers.0.ffn.experts`. Every exporter writes its
 * own; here they are one shape: a layer, a role, a side of the role.
 */

/** Roles of matrices that a checkpoint may quantize each in its own way. */
export type QuantizedRole =
  | "attention"
  | "linearMixer"
  | "denseFeedForward"
  | "sharedExpert"
  | "experts"
  | "head"
  | "draft";

/** Matrices that read the hidden state, those that write it back, and a sparse attention's indexer. */
export type MatrixSide = "in" | "out" | "indexer";

/** What one name covers; null: all of them. */
export interface QuantizedModule {
  readonly layer: number | null;
  readonly role: QuantizedRole | null;
  readonly side: MatrixSide | null;
}

const roles: readonly (readonly [RegExp, QuantizedRole])[] = [
  [/(?:^|[.*])mtp|nextn|eh_proj/, "draft"],
  [/shared_expert|shared_mlp/, "sharedExpert"],
  [/experts|block_sparse_moe\.(?!gate)|feed_forward\.experts/, "experts"],
  [/linear_attn|mamba|in_proj|conv1d|\bssm|kda/, "linearMixer"],
  [
    /self_attn|attention|\.attn\b|\battn\.|[qkv]_proj|qkv_proj|o_proj|kv_[ab]_|q_[ab]_proj|indexer|index_/,
    "attention",
  ],
  [/out_proj/, "linearMixer"],
  [
    /mlp\.?\(?(?:gate|up|down)|(?:gate|up|down|gate_up)_proj|feed_forward|\bffn\b|\bmlp\b|\.w[123]\b/,
    "denseFeedForward",
  ],
  [/lm_head|^head$|output_layer/, "head"],
];
/** Names of what is never quantized, or is not part of the text model: they say nothing here. */
const unquantized =
  /router|(?:mlp|moe|mixer|feed_forward)\.gate$|shared_expert_gate|expert_gate|norm|embed|vision|visual|image|audio|multi_modal|mm_projector|patch_merge|conv1d|dt_bias|A_log|weights_proj|correction_bias|in_proj_(?:a|b|ba)\b/;
const outer = /(?:o_proj|out_proj|down_proj|\bw2|wo_[ab]?)\b/;
const inner =
  /(?:q|k|v|qkv|gate|up|gate_up|in|kv_a|kv_b|q_a|q_b)_proj|in_proj|\bw[13]\b|kv_a_proj_with_mqa|\bwkv|\bwq/;

function sideOf(text: string): MatrixSide | null {
  if (/indexer|index_/.test(text)) return "indexer";
  const [isOuter, isInner] = [outer.test(text), inner.test(text)];
  return isOuter === isInner ? null : isOuter ? "out" : "in";
}

/** Reads one name or pattern; null where it says nothing of the text model's matrices. */
export function quantizedModule(name: string): QuantizedModule | null {
  const text = name
    .replace(/^re:/, "")
    .replaceAll("\\.", ".")
    .replace(/^\^|\$$/g, "");
  const layer = /layers?\.(\d+)/.exec(text)?.[1];
  const rest = text.replace(/^.*layers?\.\d+\.?/, "");
  const index = layer === undefined ? null : Number(layer);
  if (/^\*?$/.test(rest) && index !== null) return { layer: index, role: null, side: null };
  const role = roles.find(([pattern]) => pattern.test(rest))?.[1] ?? null;
  if (role === null || (unquantized.test(rest) && role !== "draft")) return null;
  return { layer: index, role, side: role === "head" || role === "draft" ? null : sideOf(rest) };
}

/** The key of a module in a table of exceptions. */
export function moduleKey({ layer, role, side }: QuantizedModule): string {
  return `${layer ?? "*"} ${role ?? "*"} ${side ?? "*"}`;
}

/** Keys under which a matrix may stand, the closest first. */
export function keysOfMatrix(layer: number | null, role: QuantizedRole, side: MatrixSide): readonly string[] {
  const keys: string[] = [];
  for (const place of layer === null ? ["*"] : [String(layer), "*"])
    for (const part of [role, "*"])
      for (const half of part === "*" ? ["*"] : [side, "*"]) keys.push(`${place} ${part} ${half}`);
  return keys;
}
