/**
 * @module The options of our own engine that decide its memory, under vLLM's and LMDeploy's spellings: `pagoda serve` and
 * the planner read the same table.
 */
import { parseByteSize } from "../../../../core/byte-size.ts";
import { PagodaError } from "../../../../core/errors.ts";
import type { KvDtype } from "../../../../core/kv-layout.ts";
import { fraction, oneOf, option, wholeNumber } from "../../../../core/options/option.ts";
import type { Cap, PoolRule } from "./budget-inputs.ts";

/** Headings of the help. */
export const optionGroups = {
  memory: "Memory:",
  scheduling: "Lengths and scheduling:",
  model: "Model:",
  processor: "Processor:",
} as const;
const { memory, scheduling, model, processor } = optionGroups;

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
    throw new PagodaError("invalid_option", `${value} is not a multiple of 16.`, {
      hint: `Use ${Math.ceil(value / 16) * 16}.`,
    });
  return value;
}

function cacheFraction(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1)
    throw new PagodaError(
      "invalid_option",
      `'${text}' is a number of blocks, which older versions of LMDeploy read here.`,
      {
        hint: `Use --num-gpu-blocks-override ${text}, or a fraction below 1.`,
      },
    );
  return fraction({ below: true })(text);
}

function length(text: string): number | "auto" {
  return text === "auto" || text === "-1" ? "auto" : wholeNumber(1)(text);
}

export const memoryOptions = {
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
  maxLogprobs: option(["--max-logprobs"], {
    argument: "n",
    parse: wholeNumber(0, 64),
    help: "most log-probabilities per token that a request may ask for (default 20)",
    group: scheduling,
  }),
  quantization: option<"int8" | "int4" | null>(["--quantization"], {
    argument: "method",
    parse: oneOf<"int8" | "int4" | null>({ int8: "int8", int4: "int4", none: null }),
    help: "quantize a 16-bit checkpoint while it loads: int8 or int4",
    group: model,
  }),
  threads: option(["--threads"], {
    argument: "n",
    parse: wholeNumber(1, 1024),
    help: "worker threads, at most four for each processor (default: the processors that affinity and the container grant)",
    group: processor,
  }),
  tensorParallelSize: option(["--tensor-parallel-size", "--tp"], {
    argument: "n",
    parse: wholeNumber(1, 64),
    help: "ranks that divide the model's heads, rows and KV cache, each with threads of its own (default 1)",
    group: processor,
  }),
} as const;
