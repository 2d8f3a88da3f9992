/** @module Which flag of one engine is which of the other, and how values are written there (lmdeploy-memory.md §10.2). */
/** Engines whose starts can be translated into each other. */
export type TranslatedEngine = "vllm" | "lmdeploy";

export type LmdeployKind = "turbomind" | "pytorch";

/** The other engine's value, or null where it has none; with a remark where the meaning shifts. */
export interface TwinValue {
  readonly value: string | true | null;
  readonly remark?: string;
}

export interface Twin {
  readonly vllm: string;
  readonly lmdeploy: string;
  /** Only this engine of LMDeploy has it. */
  readonly only?: LmdeployKind;
  readonly toLmdeploy?: (value: string | true, kind: LmdeployKind) => TwinValue;
  readonly toVllm?: (value: string | true) => TwinValue;
}

const kvTwins: Readonly<Record<string, string>> = {
  fp8: "fp8",
  fp8_e4m3: "fp8",
  fp8_e5m2: "fp8_e5m2",
  int8_per_token_head: "int8",
  int4_per_token_head: "int4",
  turboquant_4bit_nc: "turbo_quant",
  auto: "none",
};
const policies: Readonly<Record<string, string>> = {
  "0": "auto",
  none: "auto",
  "4": "int4_per_token_head",
  int4: "int4_per_token_head",
  "8": "int8_per_token_head",
  int8: "int8_per_token_head",
  "16": "fp8",
  fp8: "fp8",
  "17": "fp8_e5m2",
  fp8_e5m2: "fp8_e5m2",
  "42": "turboquant_4bit_nc",
  turbo_quant: "turboquant_4bit_nc",
};
const turbomindPolicies = new Set(["none", "int8", "int4"]);
const twinRemark = "a twin by bit width: scales and bytes a token differ";

function kvDtype(value: string | true, kind: LmdeployKind): TwinValue {
  const policy = value === true ? undefined : kvTwins[value];
  if (policy === undefined) return { value: null };
  if (kind === "pytorch" || turbomindPolicies.has(policy))
    return policy === "none" ? { value: "none" } : { value: policy, remark: twinRemark };
  return { value: "int8", remark: "TurboMind has no fp8 KV; int8 has the same width" };
}

function quantPolicy(value: string | true): TwinValue {
  const dtype = value === true ? undefined : policies[value.toLowerCase()];
  if (dtype === undefined) return { value: null };
  return dtype === "auto" ? { value: "auto" } : { value: dtype, remark: twinRemark };
}

const formats = new Set(["awq", "gptq", "fp8", "compressed-tensors", "mxfp4"]);

function modelFormat(value: string | true): TwinValue {
  const plain = value === true ? "" : value.replace(/_marlin(?:_24)?$/, "");
  return formats.has(plain) ? { value: plain } : { value: null };
}

function quantization(value: string | true): TwinValue {
  return value === "hf" || value === true ? { value: null } : { value };
}

function dtype(value: string | true): TwinValue {
  const names: Readonly<Record<string, string>> = {
    half: "float16",
    float16: "float16",
    bfloat16: "bfloat16",
    auto: "auto",
  };
  return { value: value === true ? null : (names[value] ?? null) };
}

/** TurboMind loads tiles of 64 tokens out of one block. */
function blockLength(value: string | true, kind: LmdeployKind): TwinValue {
  const tokens = Number(value);
  if (value === true || !Number.isInteger(tokens)) return { value: null };
  const rounded = kind === "turbomind" ? Math.ceil(tokens / 64) * 64 : tokens;
  if (rounded === tokens) return { value };
  return {
    value: String(rounded),
    remark: `${tokens} rounded up to the multiple of 64 that its kernels load`,
  };
}

const sameLength = (value: string | true): TwinValue =>
  value === "auto" || value === "-1" ? { value: null } : { value };

/** Twins in both directions; a switch is true. */
export const twins: readonly Twin[] = [
  { vllm: "block-size", lmdeploy: "cache-block-seq-len", toLmdeploy: blockLength },
  { vllm: "max-model-len", lmdeploy: "session-len", toLmdeploy: sameLength },
  { vllm: "max-num-seqs", lmdeploy: "max-batch-size" },
  {
    vllm: "max-num-batched-tokens",
    lmdeploy: "max-prefill-token-num",
    toLmdeploy: (value) => ({
      value,
      remark: "LMDeploy adds one token for each sequence of the batch on top",
    }),
  },
  { vllm: "kv-cache-dtype", lmdeploy: "quant-policy", toLmdeploy: kvDtype, toVllm: quantPolicy },
  { vllm: "quantization", lmdeploy: "model-format", toLmdeploy: modelFormat, toVllm: quantization },
  { vllm: "dtype", lmdeploy: "dtype", toLmdeploy: dtype, toVllm: dtype },
  { vllm: "tensor-parallel-size", lmdeploy: "tp" },
  { vllm: "data-parallel-size", lmdeploy: "dp" },
  { vllm: "decode-context-parallel-size", lmdeploy: "cp", only: "turbomind" },
  { vllm: "enable-prefix-caching", lmdeploy: "enable-prefix-caching" },
  { vllm: "enforce-eager", lmdeploy: "eager-mode", only: "pytorch" },
  { vllm: "cudagraph-capture-sizes", lmdeploy: "cudagraph-capture-batch-sizes", only: "pytorch" },
  { vllm: "language-model-only", lmdeploy: "language-model-only" },
  { vllm: "enable-eplb", lmdeploy: "enable-eplb", only: "pytorch" },
  { vllm: "trust-remote-code", lmdeploy: "trust-remote-code" },
  { vllm: "disable-log-stats", lmdeploy: "disable-metrics" },
  { vllm: "hf-overrides", lmdeploy: "hf-overrides" },
  { vllm: "revision", lmdeploy: "revision" },
  { vllm: "download-dir", lmdeploy: "download-dir" },
  { vllm: "chat-template", lmdeploy: "chat-template" },
  { vllm: "served-model-name", lmdeploy: "model-name" },
  { vllm: "host", lmdeploy: "server-name" },
  { vllm: "port", lmdeploy: "server-port" },
  { vllm: "api-key", lmdeploy: "api-keys" },
];

/** Flags that state the pool: they are translated together, by bytes. */
export const poolFlags: Readonly<Record<TranslatedEngine, ReadonlySet<string>>> = {
  vllm: new Set([
    "gpu-memory-utilization",
    "device-memory-utilization",
    "kv-cache-memory-bytes",
    "kv-cache-memory",
    "num-gpu-blocks-override",
  ]),
  lmdeploy: new Set(["cache-max-entry-count", "num-gpu-blocks"]),
};

/** Why a flag has no twin, where there is more to say than that. */
export const withoutTwin: Readonly<Record<string, string>> = {
  "enable-chunked-prefill": "LMDeploy always prefills in chunks",
  "pipeline-parallel-size": "LMDeploy has no pipeline stages: use --tp",
  "swap-space": "LMDeploy recomputes preempted requests and swaps nothing",
  "cpu-offload-gb": "LMDeploy keeps all weights on the device",
  "kv-offloading-size": "LMDeploy has no second tier of KV",
  "enable-expert-parallel": "state LMDeploy's --ep with the number of ranks",
  "speculative-config": "LMDeploy's PyTorch engine has --speculative-algorithm and its like",
  "enforce-eager": "TurboMind captures no CUDA graphs",
  "max-model-len": "auto has no twin: LMDeploy lowers no length by itself before a request fails",
  "cache-chunk-size": "vLLM allocates its pool at once",
  "prefill-interval": "vLLM mixes prefill and decode in one step",
  ep: "vLLM has only the switch --enable-expert-parallel, over all ranks",
  backend: "an engine of LMDeploy's own",
  communicator: "vLLM chooses by itself",
  "num-tokens-per-iter": "without effect in LMDeploy since 0.12",
  "max-prefill-iters": "without effect in LMDeploy since 0.12",
};
