/** @module Every option that shapes an instance, under both engines' spellings. */
import type { KernelChoice } from "../../backend/create/index.ts";
import type { Cap, PoolRule } from "../../core/budget.ts";
import { parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { KvDtype } from "../../core/kv-layout.ts";
import {
  overriddenSamplingFrom,
  type StatedSampling,
} from "../../model/generation-defaults/generation-config.ts";
import {
  type GenerationConfigChoice,
  generationConfigFile,
} from "../../model/generation-defaults/sampling-defaults.ts";
import { fraction, oneOf, onOrOff, option, wholeNumber } from "./option.ts";

const memory = "Memory:";
const scheduling = "Lengths and scheduling:";
const model = "Model:";
const processor = "Processor:";

const kvDtypes: Readonly<Record<string, KvDtype>> = {
  auto: "f16",
  f16: "f16",
  fp16: "f16",
  float16: "f16",
  int8: "int8",
  int8_per_token_head: "int8",
  int4: "int4",
  int4_per_token_head: "int4",
};
const quantPolicies: Readonly<Record<string, KvDtype>> = { "0": "f16", "8": "int8", "4": "int4" };

function blockSize(text: string): number {
  const value = wholeNumber(16, 1024)(text);
  if (value % 16 !== 0)
    throw new PagodaError("invalid_option", `${value} is not a multiple of 16`, {
      hint: `Use ${Math.ceil(value / 16) * 16}.`,
    });
  return value;
}

function cacheFraction(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1)
    throw new PagodaError(
      "invalid_option",
      `'${text}' is a number of blocks, which older LMDeploy read here`,
      {
        hint: `Use --num-gpu-blocks-override ${text}, or a fraction below 1.`,
      },
    );
  return fraction({ below: true })(text);
}

function onlyOne(text: string): 1 {
  const value = wholeNumber(1)(text);
  if (value === 1) return 1;
  throw new PagodaError("invalid_option", `${value} is not supported yet: an instance has one rank`, {
    hint: "Use 1.",
  });
}

function length(text: string): number | "auto" {
  return text === "auto" || text === "-1" ? "auto" : wholeNumber(1)(text);
}

function generationConfigChoice(text: string): GenerationConfigChoice {
  return text === "auto" || text === "vllm" ? { kind: text } : generationConfigFile(text);
}

function overriddenSampling(text: string): StatedSampling {
  try {
    return overriddenSamplingFrom(text);
  } catch (thrown) {
    // A value of the command line, not a fault of the model.
    if (thrown instanceof PagodaError && thrown.code === "model_invalid")
      throw new PagodaError("invalid_option", thrown.message, {
        hint: 'Write a JSON object such as \'{"temperature": 0.5, "top_p": 0.9}\'.',
      });
    throw thrown;
  }
}

/** Written one after another, or with commas between them as in a variable. */
function namesOf(text: string): readonly [string, ...string[]] {
  const [first, ...others] = text.split(/[,\s]+/).filter((name) => name !== "");
  if (first !== undefined) return [first, ...new Set(others.filter((name) => name !== first))];
  throw new PagodaError("invalid_option", "The name is empty.", { hint: "Give at least one name." });
}

export const engineOptions = {
  utilization: option<Cap>(["--gpu-memory-utilization"], {
    argument: "fraction",
    parse: (text) => ({ kind: "fractionOfTotal", fraction: fraction({ below: false })(text) }),
    help: "cap the whole instance at a share of the device's total memory, as vLLM does",
    group: memory,
  }),
  memory: option<Cap>(["--memory"], {
    argument: "size",
    parse: (text) => ({ kind: "instanceBytes", bytes: parseByteSize(text) }),
    help: "cap the whole instance: 700MiB, 2GiB, 2g (= 2·10⁹ bytes), 2G (= 2 GiB)",
    group: memory,
  }),
  cacheFraction: option<PoolRule>(["--cache-max-entry-count"], {
    argument: "fraction",
    parse: (text) => ({ kind: "fractionOfFree", fraction: cacheFraction(text) }),
    help: "KV pool: a share of what is free once weights and workspace are there, as LMDeploy does",
    group: memory,
  }),
  kvBytes: option<PoolRule>(["--kv-cache-memory-bytes"], {
    argument: "size",
    parse: (text) => ({ kind: "kvBytes", bytes: parseByteSize(text) }),
    help: "KV pool in bytes",
    group: memory,
  }),
  numBlocks: option<PoolRule>(["--num-gpu-blocks-override", "--num-gpu-blocks"], {
    argument: "blocks",
    parse: (text) => ({ kind: "blocks", numBlocks: wholeNumber(1)(text) }),
    help: "KV pool in blocks",
    group: memory,
  }),
  kvTokens: option<PoolRule>(["--max-kv-tokens"], {
    argument: "tokens",
    parse: (text) => ({ kind: "tokens", numTokens: wholeNumber(1)(text) }),
    help: "KV pool in tokens",
    group: memory,
  }),
  blockSize: option(["--block-size", "--cache-block-seq-len"], {
    argument: "tokens",
    parse: blockSize,
    help: "tokens in a KV block, a multiple of 16 (default 16)",
    group: memory,
  }),
  kvDtype: option<KvDtype>(["--kv-cache-dtype", { flag: "--quant-policy", parse: oneOf(quantPolicies) }], {
    argument: "dtype",
    parse: oneOf(kvDtypes),
    help: "auto, f16, int8 or int4 (default f16)",
    group: memory,
  }),
  prefixCaching: option(["--enable-prefix-caching"], {
    argument: null,
    parse: onOrOff,
    help: "reuse the KV cache of equal prompt beginnings (default on; --no-enable-prefix-caching)",
    group: memory,
  }),
  maxModelLen: option<number | "auto">(["--max-model-len", "--session-len"], {
    argument: "tokens",
    parse: length,
    help: "longest sequence, prompt and output together; auto: the longest that fits (default: the model's)",
    group: scheduling,
  }),
  maxNumSeqs: option(["--max-num-seqs", "--max-batch-size"], {
    argument: "n",
    parse: wholeNumber(1, 4096),
    help: "most sequences in a step (default 32)",
    group: scheduling,
  }),
  maxNumBatchedTokens: option(["--max-num-batched-tokens", "--max-prefill-token-num"], {
    argument: "tokens",
    parse: wholeNumber(1, 65_536),
    help: "most tokens in a step (default 512)",
    group: scheduling,
  }),
  chunkedPrefill: option(["--enable-chunked-prefill"], {
    argument: null,
    parse: onOrOff,
    help: "accepted for vLLM's sake: always on",
    group: scheduling,
  }),
  maxStepMs: option(["--max-step-ms"], {
    argument: "ms",
    parse: wholeNumber(1, 600_000),
    help: "aim at steps no longer than this while others decode (default 300)",
    group: scheduling,
  }),
  maxLogprobs: option(["--max-logprobs"], {
    argument: "n",
    parse: wholeNumber(0, 64),
    help: "most log-probabilities per token that a request may ask for (default 20)",
    group: scheduling,
  }),
  seed: option(["--seed"], {
    argument: "n",
    parse: wholeNumber(0),
    help: "seed of requests that bring none (default: drawn for each request)",
    group: scheduling,
  }),
  modelName: option(["--model"], {
    argument: "model",
    parse: (text: string) => text,
    help: "the same as the MODEL argument",
    group: model,
  }),
  quantization: option<"int8" | "int4" | null>(["--quantization"], {
    argument: "method",
    parse: oneOf<"int8" | "int4" | null>({ int8: "int8", int4: "int4", none: null }),
    help: "quantise a 16-bit checkpoint while it loads: int8 or int4",
    group: model,
  }),
  servedModelNames: option<readonly [string, ...string[]]>(["--served-model-name"], {
    argument: "name...",
    parse: namesOf,
    help: "the model's names in the API; the first is the one that answers have (default: its own)",
    group: model,
  }),
  anyModelName: option(["--any-model-name"], {
    argument: null,
    parse: onOrOff,
    help: "answer requests for a model of any name (default off)",
    group: model,
  }),
  generationConfig: option<GenerationConfigChoice>(["--generation-config"], {
    argument: "source",
    parse: generationConfigChoice,
    help: "sampling of requests that choose none: auto (the model's own, else what its makers recommend), vllm (temperature 1, nothing cut off), or the path of a generation_config.json (default auto)",
    group: model,
  }),
  overrideGenerationConfig: option<StatedSampling>(["--override-generation-config"], {
    argument: "json",
    parse: overriddenSampling,
    help: "sampling defaults that win over the model's, as in '{\"temperature\": 0.5}'; max_new_tokens is also the most that a request gets",
    group: model,
  }),
  threads: option(["--threads"], {
    argument: "n",
    parse: wholeNumber(1, 1024),
    help: "worker threads, at most four for each processor (default: the processors that affinity and the container grant)",
    group: processor,
  }),
  backend: option<"cpu" | "reference">(["--backend"], {
    argument: "name",
    parse: oneOf<"cpu" | "reference">({ cpu: "cpu", reference: "reference" }),
    help: "cpu, or reference: the slow and obvious one (default cpu)",
    group: processor,
  }),
  kernels: option<"auto" | KernelChoice>(["--kernels"], {
    argument: "set",
    parse: oneOf<"auto" | KernelChoice>({
      auto: "auto",
      wasm: "wasm",
      "machine-code": "machine-code",
      "machine-code-avx2": "machine-code-avx2",
      "machine-code-avx-vnni": "machine-code-avx-vnni",
      "machine-code-avx512-vnni": "machine-code-avx512-vnni",
    }),
    help: "wasm, machine-code (or one kind of it: machine-code-avx2, …), or auto: the fastest that passes its self-test (default auto)",
    group: processor,
  }),
  tensorParallelSize: option<1>(["--tensor-parallel-size", "--tp"], {
    argument: "n",
    parse: onlyOne,
    help: "ranks of the instance; only 1 for now",
    group: processor,
  }),
} as const;
