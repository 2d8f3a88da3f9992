/** Replays what LMDeploy's own PyTorch engine decided for random models and limits (scripts/oracle/lmdeploy_sizing.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { PagodaError } from "../src/core/errors.ts";
import {
  findDevice,
  type ModelFacts,
  type PlanRequest,
  parseModelConfig,
  plan,
} from "../src/planner/index.ts";
import { exact } from "../src/planner/quantity/quantity.ts";

interface OracleCase {
  readonly latent: boolean;
  readonly flashMla: boolean;
  readonly layers: number;
  readonly heads: number;
  readonly dim: number;
  readonly rope: number;
  readonly ranks: number;
  readonly dtype: string;
  readonly policy: number;
  readonly block: number;
  readonly kernel: number;
  readonly batch: number;
  readonly prefill: number;
  readonly vocab: number;
  readonly share: number;
  readonly blocks: number;
  /** Free bytes of each rank. */
  readonly free: readonly number[];
  readonly answer:
    | { readonly error: string; readonly text: string }
    | {
        readonly blockBytes: number;
        readonly blockSize: number;
        readonly blocks: number;
        readonly prefill: number;
      };
}

const file = join(import.meta.dirname, "fixtures/planner/lmdeploy-sizing.jsonl.gz");
const [head = "", ...rows] = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
const cases = rows.map((row): OracleCase => JSON.parse(row));

function modelOf(given: OracleCase): ModelFacts {
  const shared = {
    hidden_size: 4096,
    intermediate_size: 8192,
    num_hidden_layers: given.layers,
    num_attention_heads: 64,
    vocab_size: given.vocab,
    max_position_embeddings: 32768,
    torch_dtype: given.dtype,
  };
  if (!given.latent)
    return parseModelConfig("oracle", {
      ...shared,
      architectures: ["LlamaForCausalLM"],
      num_key_value_heads: given.heads,
      head_dim: given.dim,
    });
  return parseModelConfig("oracle", {
    ...shared,
    architectures: ["DeepseekV2ForCausalLM"],
    kv_lora_rank: given.dim,
    qk_nope_head_dim: 128,
    qk_rope_head_dim: given.rope,
    v_head_dim: 128,
  });
}

function requestOf(given: OracleCase): PlanRequest {
  return {
    model: modelOf(given),
    // Flash-MLA is a matter of the card: Hopper has it.
    device: findDevice(given.flashMla ? "H100" : "A100 80GB"),
    usedBytes: 0,
    engine: "lmdeploy",
    version: "0.18.0",
    usage: "serve",
    measured: {
      activations: exact(0, "not part of the sizing"),
      free: exact(Math.min(...given.free), "the case"),
    },
    flags: {
      backend: "pytorch",
      tp: String(given.ranks),
      "quant-policy": String(given.policy),
      "cache-block-seq-len": String(given.block),
      "kernel-block-size": String(given.kernel),
      "max-batch-size": String(given.batch),
      "max-prefill-token-num": String(given.prefill),
      "cache-max-entry-count": String(given.share),
      "num-gpu-blocks": String(given.blocks),
    },
  };
}

/** Our answer in the oracle's words. */
function answerOf(given: OracleCase): unknown {
  const { verdict, kv, expectedLog } = plan(requestOf(given));
  if (verdict.engineMessage !== null) {
    const [, error, text] = /^(\w+): (.*)$/.exec(verdict.engineMessage) ?? [];
    return { error, text };
  }
  const halved = /max_prefill_token_num=(\d+)/.exec(expectedLog.join(" "))?.[1];
  return {
    blockBytes: kv?.bytesPerBlock,
    blockSize: kv?.blockSize,
    blocks: kv?.numBlocks.expected,
    prefill: halved === undefined ? given.prefill : Number(halved),
  };
}

test(`LMDeploy's own sizing, ${cases.length} random starts: ${head}`, () => {
  assert.ok(cases.length >= 2000);
  let numAnswers = 0;
  for (const [index, given] of cases.entries()) {
    let ours: unknown;
    try {
      ours = answerOf(given);
    } catch (error) {
      if (!(error instanceof PagodaError)) throw error;
      const [, name, text] = /^(\w+): (.*)$/.exec(error.message) ?? [];
      ours = { error: name, text };
    }
    assert.deepEqual(ours, given.answer, `case ${index}: ${JSON.stringify(given)}`);
    if (!("error" in given.answer)) numAnswers++;
  }
  assert.ok(numAnswers > 1200);
});
