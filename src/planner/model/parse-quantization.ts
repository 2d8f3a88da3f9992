/** @module The `quantization_config` of a checkpoint, in any of its dialects, as one shape. */
import { PagodaError } from "../../core/errors.ts";
import { nearest } from "../words/nearest.ts";
import { type ConfigObject, isObject } from "./config-fields.ts";
import type { QuantizationFacts } from "./facts.ts";
import { moduleKey, quantizedModule } from "./quantized-modules.ts";

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
  exceptions: {},
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

type Exceptions = Record<string, QuantizationFacts | null>;

/** The names of a list, as exceptions of one format. A role that is kept whole needs no entry a layer. */
function addExceptions(exceptions: Exceptions, names: unknown, format: QuantizationFacts | null): void {
  for (const name of Array.isArray(names) ? names : []) {
    const found = typeof name === "string" ? quantizedModule(name) : null;
    if (found !== null) exceptions[moduleKey(found)] = format;
  }
}

/** modelopt's names of formats. */
function formatNamed(algorithm: string): QuantizationFacts | null {
  if (/MXFP8/i.test(algorithm)) return { ...plain, method: "mxfp8", bits: 8, groupSize: 32 };
  if (/MXFP4/i.test(algorithm)) return { ...plain, method: "mxfp4", bits: 4, groupSize: 32 };
  if (/NVFP4|FP4/i.test(algorithm)) return { ...plain, method: "nvfp4", bits: 4, groupSize: 16 };
  if (/FP8/i.test(algorithm)) return { ...plain, method: "fp8", bits: 8, groupSize: 0 };
  if (/INT4|W4A16/i.test(algorithm)) return { ...plain, method: "awq", bits: 4, groupSize: 128 };
  return /INT8|W8A8/i.test(algorithm) ? { ...plain, method: "int8", bits: 8 } : null;
}

/** Layers whose formats a checkpoint lists one by one; what is not listed keeps the model's dtype. */
function mixedPrecision(config: ConfigObject, layers: ConfigObject): QuantizationFacts {
  const exceptions: Exceptions = { "* * *": null };
  for (const [name, entry] of Object.entries(layers)) {
    const format = isObject(entry) ? formatNamed(String(entry.quant_algo ?? "")) : null;
    addExceptions(exceptions, [name], format);
  }
  const formats = Object.values(exceptions).filter((format) => format !== null);
  const main = formats.find(({ bits }) => bits === 4) ?? formats[0] ?? plain;
  const rest = String(config.quant_method ?? "") === "fp8" ? fp8(config) : null;
  return rest === null
    ? { ...main, exceptions }
    : {
        ...rest,
        exceptions: { ...Object.fromEntries(Object.entries(exceptions).filter(([key]) => key !== "* * *")) },
      };
}

function modelopt(config: ConfigObject): QuantizationFacts {
  const inner = isObject(config.quantization) ? { ...config, ...config.quantization } : config;
  const excluded = inner.ignore ?? inner.exclude_modules;
  if (isObject(inner.quantized_layers)) return mixedPrecision(inner, inner.quantized_layers);
  const exceptions: Exceptions = {};
  addExceptions(exceptions, excluded, null);
  const format = formatNamed(String(inner.quant_algo ?? "")) ?? {
    ...plain,
    method: "nvfp4",
    bits: 4,
    groupSize: 16,
  };
  // An abbreviated list names nothing: its roles are read from its words.
  const keeps = Array.isArray(excluded) ? [] : keptRoles(excluded);
  return { ...format, keeps, exceptions };
}

function fp8(config: ConfigObject): QuantizationFacts {
  const exceptions: Exceptions = {};
  addExceptions(exceptions, config.ignored_layers ?? config.modules_to_not_convert, null);
  // DeepSeek V4 stores its experts in four bits with a scale for 32 numbers, the rest in eight.
  if (String(config.expert_dtype) === "fp4")
    exceptions["* experts *"] = { ...plain, method: "mxfp4", bits: 4, groupSize: 32 };
  return {
    ...plain,
    method: "fp8",
    bits: 8,
    groupSize: 0,
    blockSide:
      typeof first(config.weight_block_size) === "number" ? Number(first(config.weight_block_size)) : null,
    exceptions,
  };
}

/** Groups of compressed-tensors: the one that targets every linear layer is the rule, the others are exceptions to it. */
function compressedTensors(config: ConfigObject): QuantizationFacts {
  const groups = isObject(config.config_groups) ? Object.values(config.config_groups).filter(isObject) : [];
  const isGeneral = ({ targets }: ConfigObject): boolean =>
    !Array.isArray(targets) || targets.some((target) => target === "Linear");
  const general = groups.find(isGeneral) ?? groups[0];
  const exceptions: Exceptions = {};
  const names = Array.isArray(config.ignore) ? config.ignore : null;
  const main = compressedGroup(config, general, names === null ? keptRoles(config.ignore) : []);
  if (general !== undefined && !isGeneral(general)) {
    exceptions["* * *"] = null;
    addExceptions(exceptions, general.targets, main);
  }
  for (const group of groups)
    if (group !== general) addExceptions(exceptions, group.targets, compressedGroup(config, group, []));
  addExceptions(exceptions, names, null);
  return { ...main, exceptions };
}

function compressedGroup(
  whole: ConfigObject,
  group: ConfigObject | undefined,
  keeps: QuantizationFacts["keeps"],
): QuantizationFacts {
  const own = group?.weights ?? whole.weights;
  const weights: ConfigObject = isObject(own) ? own : {};
  const config =
    group?.format === undefined || group.format === null ? whole : { ...whole, format: group.format };
  const note = `${String(config.format ?? "")} ${String(config.note ?? "")} ${String(config.weights ?? "")}`;
  const isFloat = weights.type === "float" || /float|fp8/.test(note);
  const bits = integerOf(weights.num_bits ?? config.bits, /int4|w4/.test(note) ? 4 : 8);
  if (isFloat && (/mxfp4/.test(note) || (bits === 4 && weights.group_size === 32)))
    return { ...plain, method: "mxfp4", bits: 4, groupSize: 32, keeps };
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

/** Modules that stay in the model's dtype. */
function keptModules(names: unknown): Exceptions {
  const exceptions: Exceptions = {};
  addExceptions(exceptions, names, null);
  return exceptions;
}

/** AutoRound's `extra_config`: modules with bits of their own, 16 of them meaning none. */
function roundedModules(config: ConfigObject): Exceptions {
  const exceptions: Exceptions = {};
  const extra = isObject(config.extra_config) ? config.extra_config : {};
  for (const [name, entry] of Object.entries(extra)) {
    const bits = isObject(entry) ? integerOf(entry.bits, 16) : 16;
    addExceptions(
      exceptions,
      [name],
      bits >= 16 ? null : { ...plain, method: "gptq", bits, groupSize: integerOf(config.group_size, 128) },
    );
  }
  return exceptions;
}

const methods: Readonly<Record<string, (config: ConfigObject) => QuantizationFacts>> = {
  awq: (config) => ({
    ...plain,
    method: "awq",
    bits: integerOf(config.bits ?? config.w_bit, 4),
    groupSize: integerOf(config.group_size ?? config.q_group_size, 128),
    isSymmetric: config.zero_point === false,
    exceptions: keptModules(config.modules_to_not_convert),
  }),
  gptq: (config) => ({
    ...plain,
    method: "gptq",
    bits: integerOf(config.bits, 4),
    groupSize: integerOf(config.group_size, 128),
    isSymmetric: config.sym !== false,
    usesActivationOrder: config.desc_act === true,
    quantizesHead: config.lm_head === true,
    exceptions: roundedModules(config),
  }),
  fp8: (config) => (isObject(config.quantized_layers) ? modelopt(config) : fp8(config)),
  "compressed-tensors": compressedTensors,
  mxfp4: (config) => ({
    ...plain,
    method: "mxfp4",
    bits: 4,
    groupSize: 32,
    keeps: keptRoles(config.modules_to_not_convert),
  }),
  modelopt,
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

/** KV dtype a checkpoint declares (`kv_cache_scheme`, modelopt's `kv_cache_quant_algo`); null: none. */
export function declaredKvDtype(config: unknown): string | null {
  if (!isObject(config)) return null;
  const inner = isObject(config.quantization) ? config.quantization : config;
  const algorithm = String(inner.kv_cache_quant_algo ?? "");
  if (/NVFP4/i.test(algorithm)) return "nvfp4";
  if (/FP8/i.test(algorithm)) return "fp8";
  if (!isObject(config.kv_cache_scheme)) return null;
  const { num_bits: bits, type } = config.kv_cache_scheme;
  if (bits === 8 && type === "float") return "fp8";
  return bits === 4 && type === "float" ? "nvfp4" : null;
}
