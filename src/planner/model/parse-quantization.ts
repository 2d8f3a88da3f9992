/** @module The `quantization_config` of a checkpoint, in any of its dialects, as one shape. */
import { PagodaError } from "../../core/errors.ts";
import { nearest } from "../words/nearest.ts";
import { type ConfigObject, isObject } from "./config-fields.ts";
import type { QuantizationFacts } from "./facts.ts";

const plain: QuantizationFacts = {
  method: "other",
  bits: 16,
  groupSize: -1,
  blockSide: null,
  isSymmetric: true,
  usesActivationOrder: false,
  quantizesHead: false,
  keeps: [],
  ggufType: null,
};

const integerOf = (value: unknown, fallback: number): number =>
  typeof value === "number" ? value : fallback;
const first = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);

/** Roles named by the ignore lists of compressed-tensors, modelopt and fp8 checkpoints. */
function keptRoles(patterns: unknown): QuantizationFacts["keeps"] {
  const text = Array.isArray(patterns)
    ? patterns.filter((p) => typeof p === "string").join(" ")
    : String(patterns ?? "");
  const keeps: QuantizationFacts["keeps"][number][] = [];
  // A list that was abbreviated says only that it is long: the published NVFP4 exports keep their attention.
  if (/^\(long/.test(text)) return ["attention"];
  if (/self_attn|attention/.test(text)) keeps.push("attention");
  if (/shared_expert/.test(text)) keeps.push("sharedExpert");
  if (/mlp\\?\.\(?gate\|up|mlp\.\(gate/.test(text)) keeps.push("denseFeedForward");
  if (/linear_attn|mamba|in_proj/.test(text)) keeps.push("linearMixer");
  return keeps;
}

/** The weight scheme of compressed-tensors and modelopt: the first group of `config_groups`. */
function weightScheme(config: ConfigObject): ConfigObject {
  const groups = isObject(config.config_groups) ? Object.values(config.config_groups)[0] : undefined;
  const weights = isObject(groups) ? groups.weights : config.weights;
  return isObject(weights) ? weights : {};
}

function compressedTensors(config: ConfigObject): QuantizationFacts {
  const weights = weightScheme(config);
  const note = `${String(config.format ?? "")} ${String(config.note ?? "")} ${String(config.weights ?? "")}`;
  const isFloat = weights.type === "float" || /float|fp8/.test(note);
  const bits = integerOf(weights.num_bits ?? config.bits, /int4|w4/.test(note) ? 4 : 8);
  const keeps = keptRoles(config.ignore);
  if (isFloat && bits === 4) return { ...plain, method: "nvfp4", bits: 4, groupSize: 16, keeps };
  if (isFloat)
    return { ...plain, method: "fp8", bits: 8, groupSize: weights.strategy === "tensor" ? 0 : -1, keeps };
  const isPacked = config.format !== "int-quantized";
  return {
    ...plain,
    method: isPacked ? "compressed-tensors" : "int8",
    bits,
    groupSize: integerOf(weights.group_size ?? config.group_size, bits === 4 ? 128 : -1),
    isSymmetric: weights.symmetric !== false,
    usesActivationOrder: weights.actorder === true || weights.actorder === "group",
    keeps,
  };
}

const methods: Readonly<Record<string, (config: ConfigObject) => QuantizationFacts>> = {
  awq: (config) => ({
    ...plain,
    method: "awq",
    bits: integerOf(config.bits ?? config.w_bit, 4),
    groupSize: integerOf(config.group_size ?? config.q_group_size, 128),
    isSymmetric: config.zero_point === false,
  }),
  gptq: (config) => ({
    ...plain,
    method: "gptq",
    bits: integerOf(config.bits, 4),
    groupSize: integerOf(config.group_size, 128),
    isSymmetric: config.sym !== false,
    usesActivationOrder: config.desc_act === true,
    quantizesHead: config.lm_head === true,
  }),
  fp8: (config) => ({
    ...plain,
    method: "fp8",
    bits: 8,
    groupSize: 0,
    blockSide:
      typeof first(config.weight_block_size) === "number" ? Number(first(config.weight_block_size)) : null,
    keeps: keptRoles(config.ignored_layers ?? []),
  }),
  "compressed-tensors": compressedTensors,
  mxfp4: (config) => ({
    ...plain,
    method: "mxfp4",
    bits: 4,
    groupSize: 32,
    keeps: keptRoles(config.modules_to_not_convert),
  }),
  modelopt: (config) => {
    const keeps = keptRoles(config.ignore ?? config.exclude_modules);
    return /FP8/i.test(String(config.quant_algo ?? ""))
      ? { ...plain, method: "fp8", bits: 8, groupSize: 0, keeps }
      : { ...plain, method: "nvfp4", bits: 4, groupSize: 16, keeps };
  },
  bitsandbytes: (config) => ({
    ...plain,
    method: "bitsandbytes",
    bits: config.load_in_8bit === true ? 8 : 4,
    groupSize: 64,
  }),
  gguf: (config) => ({ ...plain, method: "gguf", bits: 8, ggufType: String(config.type ?? "Q8_0") }),
  aqlm: () => ({ ...plain, method: "aqlm", bits: 2, groupSize: 8 }),
};
const aliases: Readonly<Record<string, string>> = {
  awq_marlin: "awq",
  gptq_marlin: "gptq",
  "auto-round": "gptq",
  auto_round: "gptq",
  autoround: "gptq",
  modelopt_fp4: "modelopt",
  fbgemm_fp8: "fp8",
  nvfp4: "modelopt",
  bnb: "bitsandbytes",
};

/**
 * Reads a checkpoint's quantization; null where there is none.
 * @throws PagodaError `model_unsupported` for a method that is not known.
 */
export function parseQuantization(config: unknown): QuantizationFacts | null {
  if (!isObject(config)) return null;
  const named = String(
    config.quant_method ?? (config.quant_algo === undefined ? "" : "modelopt"),
  ).toLowerCase();
  const read = methods[aliases[named] ?? named];
  if (read !== undefined) return read(config);
  throw new PagodaError("model_unsupported", `The quantization "${named}" is not known to the planner.`, {
    param: "quantization_config.quant_method",
    hint: `The nearest known one is ${nearest(named, Object.keys(methods))}.`,
  });
}

/** The method named on a command line (`--quantization awq`) for a checkpoint that says nothing. */
export function quantizationNamed(text: string): QuantizationFacts | null {
  const lower = text.toLowerCase();
  if (lower === "none" || lower === "auto") return null;
  const gguf = /gguf[ :-]*(\S+)/.exec(lower);
  if (gguf?.[1] !== undefined)
    return parseQuantization({ quant_method: "gguf", type: gguf[1].toUpperCase() });
  if (/fp8.*dynamic|dynamic.*fp8/.test(lower))
    return parseQuantization({ quant_method: "compressed-tensors", format: "float-quantized" });
  if (/compressed.*int8|int8.*compressed/.test(lower))
    return parseQuantization({ quant_method: "compressed-tensors", bits: 8 });
  return parseQuantization({ quant_method: lower.split(/[\s(]/)[0] ?? lower });
}

/** KV dtype a checkpoint declares (`kv_cache_scheme` of modelopt and compressed-tensors); null: none. */
export function declaredKvDtype(config: unknown): string | null {
  if (!isObject(config) || !isObject(config.kv_cache_scheme)) return null;
  const { num_bits: bits, type } = config.kv_cache_scheme;
  if (bits === 8 && type === "float") return "fp8";
  return bits === 4 && type === "float" ? "nvfp4" : null;
}
