/**
 * @module The arguments that a vLLM log prints: those the user typed (`non-default args`), all of them (`args: Namespace`),
 * and the engine's own configuration, in which values are already derived.
 */
import type { Collected } from "../../../log/collect-facts.ts";
import { jsonOfPython, type PythonValue, pythonValues } from "../../../log/python-values.ts";
import type { FlagSpec, FlagValue } from "../../../plan/flag.ts";
import { vllmFlags } from "../settings/flag-table.ts";

/** Fields that also say something where every argument is printed, its default too. */
const memoryFlags = new Set([
  "gpu-memory-utilization",
  "kv-cache-memory-bytes",
  "max-model-len",
  "max-num-batched-tokens",
  "max-num-seqs",
  "block-size",
  "num-gpu-blocks-override",
  "swap-space",
  "cpu-offload-gb",
  "tensor-parallel-size",
  "pipeline-parallel-size",
  "data-parallel-size",
  "decode-context-parallel-size",
  "kv-cache-dtype",
  "dtype",
  "quantization",
  "enforce-eager",
  "enable-lora",
  "max-loras",
  "max-lora-rank",
  "enable-expert-parallel",
  "enable-prefix-caching",
  "enable-chunked-prefill",
  "speculative-config",
]);
/** The engine's configuration has some under other names, and derives these itself, so that they are no flag of the user. */
const configNames: Readonly<Record<string, string>> = { max_seq_len: "max-model-len" };
const derived = new Set(["enable-prefix-caching", "enable-chunked-prefill", "dtype"]);
/** Switches for which an explicit False says something. */
const onByDefault = new Set(["enable-prefix-caching", "enable-chunked-prefill"]);
const unset = new Set(["None", "auto", "default", "", "nan", "null"]);
const specs = new Map(vllmFlags.map((spec): [string, FlagSpec] => [spec.name, spec]));

/** Keys of a compilation that move memory; the printed dict holds dozens of defaults. */
const compilationKeys = [
  "mode",
  "level",
  "cudagraph_mode",
  "cudagraph_capture_sizes",
  "max_cudagraph_capture_size",
];
/** Keys of drafting, as typed and as the configuration prints them. */
const draftKeys: Readonly<Record<string, string>> = {
  method: "method",
  model: "model",
  num_speculative_tokens: "num_speculative_tokens",
  num_spec_tokens: "num_speculative_tokens",
  draft_tensor_parallel_size: "draft_tensor_parallel_size",
};

function isDict(value: PythonValue): value is Readonly<Record<string, PythonValue>> {
  return typeof value === "object" && !Array.isArray(value);
}

function kept(
  value: Readonly<Record<string, PythonValue>>,
  names: Readonly<Record<string, string>>,
): FlagValue | null {
  const pairs = Object.entries(value).flatMap(([key, inner]) => {
    const name = names[key];
    const json = jsonOfPython(inner);
    return name === undefined || json === null || json === "" ? [] : [[name, json] as const];
  });
  return pairs.length === 0 ? null : JSON.stringify(Object.fromEntries(pairs));
}

/** A dict as the flag's JSON. Drafting layers of the checkpoint itself name the target as their model. */
function jsonFlag(flag: string, value: Readonly<Record<string, PythonValue>>): FlagValue | null {
  if (flag === "speculative-config") {
    const isOwn = /mtp/.test(String(value.method ?? ""));
    return kept(isOwn ? { ...value, model: "None" } : value, draftKeys);
  }
  if (flag === "compilation-config")
    return kept(value, Object.fromEntries(compilationKeys.map((key) => [key, key])));
  return JSON.stringify(jsonOfPython(value));
}

function scalarFlag(spec: FlagSpec, value: string, isTyped: boolean): FlagValue | null {
  if (unset.has(value)) return null;
  if (spec.kind !== "switch") return value.replace(/^torch\./, "");
  if (value === "True") return true;
  return isTyped && onByDefault.has(spec.name) ? "false" : null;
}

function flagValue(spec: FlagSpec, value: PythonValue, isTyped: boolean): FlagValue | null {
  if (typeof value === "string") return scalarFlag(spec, value, isTyped);
  if (isDict(value)) return jsonFlag(spec.name, value);
  const texts = value.filter((item) => typeof item === "string");
  return texts.length === 0 ? null : texts;
}

type Source = "typed" | "all" | "config";

function addValues(facts: Collected, values: Readonly<Record<string, PythonValue>>, source: Source): void {
  for (const [field, value] of Object.entries(values)) {
    const name = (source === "config" ? configNames[field] : undefined) ?? field.replaceAll("_", "-");
    const spec = specs.get(name);
    const says = spec !== undefined && (source === "typed" || memoryFlags.has(name));
    if (!says || name === "model" || name === "tokenizer" || facts.flags[name] !== undefined) continue;
    if (source === "config" && derived.has(name)) continue;
    const read = flagValue(spec, value, source !== "config");
    if (read !== null) facts.flags[name] = read;
  }
  for (const field of ["model_tag", "model", "tokenizer", "served_model_name"])
    for (const name of [values[field] ?? []].flat())
      if (typeof name === "string" && !unset.has(name) && !facts.modelNames.includes(name))
        facts.modelNames.push(name);
}

const printed: readonly (readonly [RegExp, Source])[] = [
  [/non-default args: \{(.*)/, "typed"],
  [/args: Namespace\((.*)/, "all"],
  [/LLM engine(?: \(v[\w.+-]+?\))? with config: (.*)/, "config"],
];

/** Adds what a log prints of its arguments; what the user typed wins over what the engine derived. */
export function readStatedArguments(facts: Collected, lines: readonly string[]): void {
  for (const [pattern, source] of printed)
    for (const line of lines) {
      const values = pattern.exec(line)?.[1];
      if (values !== undefined) addValues(facts, pythonValues(values), source);
    }
}
