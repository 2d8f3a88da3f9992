import assert from "node:assert/strict";
import { test } from "node:test";
import { readLog } from "../explain/read-log.ts";

test("a pasted command is read over its lines, whatever its spelling, and the log itself wins", () => {
  const facts = readLog(
    [
      "$ CUDA_VISIBLE_DEVICES=0 vllm serve --model Qwen/Qwen2.5-7B-Instruct \\",
      "    --gpu_memory_util=0.8 -tp 2 \\",
      "    --served-model-name a b --speculative-config.method ngram \\",
      "    --max-model-len 8k",
      "INFO 01-01 00:00:00 config: LLM engine (v0.9.1) with config: model='Qwen/Qwen2.5-7B-Instruct', max_seq_len=4096,",
    ].join("\n"),
  );
  assert.equal(facts.engine, "vllm");
  assert.equal(facts.model, "Qwen/Qwen2.5-7B-Instruct");
  assert.deepEqual(facts.flags, {
    "max-model-len": "4096",
    "gpu-memory-utilization": "0.8",
    "tensor-parallel-size": "2",
    "served-model-name": ["a", "b"],
    "speculative-config": '{"method":"ngram"}',
  });
});

test("an LMDeploy command with a switch, and one whose quotes do not close", () => {
  const facts = readLog(
    "lmdeploy serve api_server internlm/internlm2_5-7b-chat --enable-prefix-caching --quant-policy 8 --tp 2\n[TM][INFO] x",
  );
  assert.equal(facts.model, "internlm/internlm2_5-7b-chat");
  assert.deepEqual(facts.flags, { "enable-prefix-caching": true, "quant-policy": "8", tp: "2" });
  assert.deepEqual(
    readLog('vllm serve o/m --hf-overrides \'{"a":1\nGPU KV cache size: 1,024 tokens').flags,
    {},
  );
});
