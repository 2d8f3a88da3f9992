/** @module What a vLLM log states. */

import {
  type Collected,
  collectFacts,
  emptyFacts,
  factsOf,
  pythonFields,
} from "../../../log/collect-facts.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { readOutOfMemory } from "../../../log/out-of-memory.ts";
import { readPastedCommands } from "../../../log/pasted-command.ts";
import type { FlagValue, FlagValues } from "../../../plan/flag.ts";
import { minus } from "../../../quantity/quantity.ts";
import { vllmFlags } from "../settings/flag-table.ts";
import { vllmPatterns } from "./log-lines.ts";

/** Fields of the printed arguments that touch memory, and their flags. */
const argumentFlags: Readonly<Record<string, string>> = {
  gpu_memory_utilization: "gpu-memory-utilization",
  kv_cache_memory_bytes: "kv-cache-memory-bytes",
  max_model_len: "max-model-len",
  max_num_batched_tokens: "max-num-batched-tokens",
  max_num_seqs: "max-num-seqs",
  block_size: "block-size",
  num_gpu_blocks_override: "num-gpu-blocks-override",
  swap_space: "swap-space",
  cpu_offload_gb: "cpu-offload-gb",
  tensor_parallel_size: "tensor-parallel-size",
  pipeline_parallel_size: "pipeline-parallel-size",
  data_parallel_size: "data-parallel-size",
  decode_context_parallel_size: "decode-context-parallel-size",
  kv_cache_dtype: "kv-cache-dtype",
  dtype: "dtype",
  quantization: "quantization",
  enforce_eager: "enforce-eager",
  enable_lora: "enable-lora",
  max_loras: "max-loras",
  max_lora_rank: "max-lora-rank",
  enable_expert_parallel: "enable-expert-parallel",
  enable_prefix_caching: "enable-prefix-caching",
  enable_chunked_prefill: "enable-chunked-prefill",
};
/** The engine's own config line names them otherwise. */
const configNames: Readonly<Record<string, string>> = { max_seq_len: "max-model-len" };
const unset = new Set(["None", "auto", "default", "", "nan"]);
const switches = new Set([
  "enforce-eager",
  "enable-lora",
  "enable-expert-parallel",
  "enable-prefix-caching",
  "enable-chunked-prefill",
]);
/** Switches for which an explicit False says something. */
const onByDefault = new Set(["enable-prefix-caching", "enable-chunked-prefill"]);
/** Values that the config line derives itself, so that they are no flag of the user. */
const derived = new Set(["enable-prefix-caching", "enable-chunked-prefill", "dtype"]);

function addFields(facts: Collected, fields: FlagValues, isConfig: boolean): void {
  for (const [field, value] of Object.entries(fields)) {
    const flag = argumentFlags[field] ?? (isConfig ? configNames[field] : undefined);
    if (
      flag === undefined ||
      typeof value !== "string" ||
      unset.has(value) ||
      facts.flags[flag] !== undefined
    )
      continue;
    if (isConfig && derived.has(flag)) continue;
    if (switches.has(flag)) {
      if (value === "True") facts.flags[flag] = true;
      else if (!isConfig && onByDefault.has(flag)) facts.flags[flag] = "false";
      continue;
    }
    facts.flags[flag] = value.replace(/^torch\./, "");
  }
  const model = fields.model ?? fields.model_tag;
  if (typeof model === "string" && !unset.has(model)) facts.model ??= model;
}

/** `non-default args: {…}`, `args: Namespace(…)` and the config of the engine. */
function readArguments(facts: Collected, lines: readonly string[]): void {
  for (const line of lines) {
    const typed = /(?:non-default args: \{|args: Namespace\()(.*)/.exec(line)?.[1];
    if (typed !== undefined) addFields(facts, pythonFields(typed), false);
  }
  for (const line of lines) {
    const config = /LLM engine(?: \(v[\w.+-]+?\))? with config: (.*)/.exec(line)?.[1];
    if (config !== undefined) addFields(facts, pythonFields(config), true);
  }
  readPastedCommands(facts, lines, startWords, vllmFlags);
}

const startWords = /(?:vllm serve|vllm\.entrypoints\.openai\.api_server)\s+/;

/** `quantization=awq_marlin` is the kernel, awq the format. */
function plainQuantization(flags: Record<string, FlagValue>): void {
  const { quantization } = flags;
  if (typeof quantization === "string") flags.quantization = quantization.replace(/_marlin(?:_24)?$/, "");
}

/** Before 2026-07 persistent bytes are printed, later only their sum with the weights. */
function splitConsumed(facts: Collected): void {
  const { consumed, weights } = facts.figures;
  if (consumed !== undefined && weights !== undefined && facts.figures.persistent === undefined)
    facts.figures.persistent = minus(consumed, [weights], "consumed memory less the weights");
}

/** The final line's peak holds the graph estimate that was charged. */
function splitActivations(facts: Collected): void {
  const { activations, graphs, consumed } = facts.figures;
  if (consumed !== undefined && activations !== undefined && graphs !== undefined)
    facts.figures.activations = minus(activations, [graphs], "peak less the charged graph estimate");
}

/** Reads a vLLM log; lines without a known wording are passed over. */
export function readVllmLog(lines: readonly string[]): LogFacts {
  const facts = emptyFacts();
  readArguments(facts, lines);
  collectFacts(facts, lines, vllmPatterns);
  plainQuantization(facts.flags);
  splitConsumed(facts);
  splitActivations(facts);
  if (facts.failures.length === 0) readOutOfMemory(facts, lines);
  const { numTokens } = facts.counts;
  const isV0Refusal = facts.failures[0]?.kind === "requestTooLong" && facts.counts.suggestedLen === undefined;
  if (isV0Refusal && numTokens !== undefined) facts.counts.suggestedLen = numTokens;
  return factsOf("vllm", facts, facts.hasStarted && facts.failures.length === 0);
}
