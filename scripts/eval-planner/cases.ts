/** @module Rows of start-up logs as plan requests: which fields say what, and what had to be assumed. */
import { readFileSync } from "node:fs";
import {
  type ConfigObject,
  type Device,
  deviceOfSize,
  deviceOfTotal,
  findDevice,
  lookUpDevice,
  type ModelFacts,
  type PlanRequest,
  parseModelConfig,
  quantizationNamed,
  withTotal,
} from "../../src/planner/index.ts";

export interface LogOutcome {
  readonly weights_gib: number | null;
  readonly activation_gib: number | null;
  readonly non_torch_gib: number | null;
  readonly cudagraph_gib: number | null;
  readonly available_kv_gib: number | null;
  readonly available_kv_bytes: number | null;
  readonly num_gpu_blocks: number | null;
  readonly num_cpu_blocks: number | null;
  readonly kv_tokens: number | null;
  readonly max_concurrency: number | null;
  readonly error: string | null;
  readonly ended: "started" | "refused" | "died" | "unknown";
}

export interface LogCase {
  readonly id: string;
  readonly engine: string;
  readonly engine_version: string | null;
  readonly model: string | null;
  readonly gpu: string | null;
  readonly gpu_total_gib: number | null;
  readonly gpu_total_source: "cuda" | "nominal" | null;
  readonly tp: number | null;
  readonly pp: number | null;
  readonly gpu_memory_utilization: number | null;
  readonly cache_max_entry_count: number | null;
  readonly max_model_len: number | null;
  readonly dtype: string | null;
  readonly quantization: string | null;
  readonly kv_cache_dtype: string | null;
  readonly block_size: number | null;
  readonly max_num_batched_tokens: number | null;
  readonly max_num_seqs: number | null;
  readonly enforce_eager: boolean | null;
  readonly kv_bytes_per_token_per_gpu?: number | null;
  readonly outcome: LogOutcome;
}

/** One case ready to plan, or why it cannot be. */
export type PreparedCase =
  | { readonly kind: "skipped"; readonly row: LogCase; readonly why: string }
  | {
      readonly kind: "ready";
      readonly row: LogCase;
      readonly request: PlanRequest;
      /** What the log does not say and had to be taken from elsewhere. */
      readonly assumed: readonly string[];
      readonly isComplete: boolean;
      /** False where nothing of the device was stated: only arithmetic can be judged. */
      readonly hasDevice: boolean;
    };

export function readJsonLines<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line): T => JSON.parse(line));
}

/** A facts row without its nulls is a configuration. */
export function configOf(row: ConfigObject): ConfigObject {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}

function versionOf(row: LogCase, assumedVersion: EngineRow["assumedVersion"], assumed: string[]): string {
  const stated = row.engine_version;
  if (stated !== null && /\d+\.\d+/.test(stated)) return stated;
  assumed.push("version");
  return assumedVersion(row);
}

function deviceOfCase(
  row: LogCase,
  assumed: string[],
): { readonly device: Device; readonly isStated: boolean } {
  const bytes = (row.gpu_total_gib ?? 0) * 2 ** 30;
  const name = row.gpu?.replace(/\(.*$/, "") ?? null;
  const byName =
    name === null ? null : (lookUpDevice(name) ?? (bytes > 0 ? deviceOfSize(name, bytes) : null));
  if (row.gpu_total_source === "cuda" && row.gpu_total_gib !== null) {
    const near = byName ?? deviceOfTotal(bytes) ?? findDevice("RTX 3090");
    if (byName === null) assumed.push("GPU name");
    return { device: withTotal(near, bytes, "visible"), isStated: true };
  }
  assumed.push("visible total");
  if (byName !== null) return { device: byName, isStated: true };
  return { device: findDevice("A100-80GB"), isStated: false };
}

function flagsOf(row: LogCase): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  const put = (name: string, value: string | number | null): void => {
    if (value !== null) flags[name] = String(value);
  };
  put("gpu-memory-utilization", row.gpu_memory_utilization);
  put("max-model-len", row.max_model_len);
  put("tensor-parallel-size", row.tp);
  put("pipeline-parallel-size", row.pp);
  put("max-num-batched-tokens", row.max_num_batched_tokens);
  put("max-num-seqs", row.max_num_seqs);
  put("block-size", row.block_size);
  const kvDtype = row.kv_cache_dtype?.split(/[\s(]/)[0] ?? "auto";
  if (kvDtype !== "auto" && kvDtype !== "") put("kv-cache-dtype", kvDtype);
  if (row.enforce_eager === true) flags["enforce-eager"] = true;
  return flags;
}

function lmdeployFlags(row: LogCase): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  if (row.cache_max_entry_count !== null) flags["cache-max-entry-count"] = String(row.cache_max_entry_count);
  if (row.max_model_len !== null) flags["session-len"] = String(row.max_model_len);
  if (row.tp !== null) flags.tp = String(row.tp);
  if (row.block_size !== null) flags["cache-block-seq-len"] = String(row.block_size);
  const bits = /int(\d)/.exec(row.kv_cache_dtype ?? "")?.[1];
  if (bits !== undefined) flags["quant-policy"] = bits;
  return flags;
}

function sglangFlags(row: LogCase): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  if (row.gpu_memory_utilization !== null) flags["mem-fraction-static"] = String(row.gpu_memory_utilization);
  if (row.max_model_len !== null) flags["context-length"] = String(row.max_model_len);
  if (row.tp !== null) flags["tensor-parallel-size"] = String(row.tp);
  return flags;
}

/** V0 alone prints CPU blocks; tokens that are no whole blocks are printed since 0.21; others are taken for the middle of V1. */
function vllmVersion({ outcome }: LogCase): string {
  if (outcome.num_cpu_blocks !== null) return "0.7";
  return outcome.kv_tokens !== null && outcome.kv_tokens % 16 !== 0 ? "0.21" : "0.10";
}

interface EngineRow {
  readonly flagsOf: (row: LogCase) => Record<string, string | true>;
  /** Of a log that states none. */
  readonly assumedVersion: (row: LogCase) => string;
}

const engines: Readonly<Record<string, EngineRow>> = {
  vllm: { flagsOf, assumedVersion: vllmVersion },
  lmdeploy: { flagsOf: lmdeployFlags, assumedVersion: () => "0.14" },
  sglang: { flagsOf: sglangFlags, assumedVersion: () => "0.5.5" },
};

function modelOf(
  row: LogCase,
  configs: ReadonlyMap<string, ConfigObject>,
  assumed: string[],
): ModelFacts | string {
  if (row.model === null) return "the log names no model";
  const config = configs.get(row.model);
  if (config === undefined) return `no configuration of ${row.model}`;
  try {
    const facts = parseModelConfig(row.model, config);
    const quantization = facts.quantization ?? statedQuantization(row, assumed);
    const dtype =
      row.dtype === "float16" || row.dtype === "float32" || row.dtype === "bfloat16"
        ? row.dtype
        : facts.dtype;
    return { ...facts, quantization, dtype };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A format the planner has no name for counts by the bits in its name. */
function statedQuantization(row: LogCase, assumed: string[]): ModelFacts["quantization"] {
  if (row.quantization === null) return null;
  try {
    return quantizationNamed(row.quantization);
  } catch {
    assumed.push("quantization");
    const bits = /(?:int|w|fp)?(2|3|4|8)/.exec(row.quantization)?.[1] ?? "4";
    return quantizationNamed(bits === "8" ? "compressed-tensors int8" : "gptq");
  }
}

function completenessOf(row: LogCase): boolean {
  const isStated = row.engine_version !== null && /\d+\.\d+/.test(row.engine_version);
  const share = row.engine === "lmdeploy" ? row.cache_max_entry_count : row.gpu_memory_utilization;
  return (
    isStated &&
    row.gpu_total_source === "cuda" &&
    share !== null &&
    row.max_model_len !== null &&
    row.outcome.ended !== "unknown"
  );
}

/** Prepares one row. */
export function prepareCase(row: LogCase, configs: ReadonlyMap<string, ConfigObject>): PreparedCase {
  const engine = engines[row.engine];
  if (engine === undefined) return { kind: "skipped", row, why: `engine ${row.engine} has no rules here` };
  const assumed: string[] = [];
  const model = modelOf(row, configs, assumed);
  if (typeof model === "string") return { kind: "skipped", row, why: model };
  const version = versionOf(row, engine.assumedVersion, assumed);
  const { device, isStated } = deviceOfCase(row, assumed);
  if (row.gpu_memory_utilization === null && row.engine !== "lmdeploy") assumed.push("share");
  if (row.max_model_len === null) assumed.push("length");
  return {
    kind: "ready",
    row,
    assumed,
    isComplete: completenessOf(row) && !assumed.includes("quantization"),
    hasDevice: isStated,
    request: {
      model,
      device,
      usedBytes: 0,
      engine: row.engine,
      version,
      flags: engine.flagsOf(row),
      usage: "serve",
    },
  };
}
