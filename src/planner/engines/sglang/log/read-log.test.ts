/** Lines that others published of SGLang's start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLog } from "../../../explain/read-log.ts";
import { gib } from "../../../quantity/bytes.ts";

test("a hybrid model's states belong to the pool, and the model stands in the snapshot's line", () => {
  const facts = readLog(`[2026-04-14 16:08:44 TP0] Load weight begin. avail mem=22.93 GB
[2026-04-14 16:08:45 TP0] Found local HF snapshot for Qwen/Qwen3.5-9B at /root/.cache/huggingface/hub; skipping download.
[2026-04-14 16:08:49 TP0] Load weight end. elapsed=5.54 s, type=Qwen3_5ForConditionalGeneration, avail mem=14.08 GB, mem usage=8.85 GB.
[2026-04-14 16:08:49 TP0] Mamba Cache is allocated. max_mamba_cache_size: 186, conv_state size: 0.10GB, ssm_state size: 4.38GB
[2026-04-14 16:08:49 TP0] KV Cache is allocated. #tokens: 327310, K size: 2.50 GB, V size: 2.50 GB
[2026-04-14 16:09:08 TP0] max_total_num_tokens=327310, chunked_prefill_size=2048, max_running_requests=62, context_len=262144`);
  assert.equal(facts.model, "Qwen/Qwen3.5-9B");
  assert.ok(Math.abs((facts.figures.availableKv?.expectedBytes ?? 0) - 9.48 * gib) < 0.001 * gib);
  assert.equal(facts.counts.numTokens, 327_310);
  assert.equal(facts.hasStarted, true);
});

test("weights without room for a pool are refused (InferenceX#2128)", () => {
  const facts = readLog(`Load weight end. quant=fp8, fmt=e4m3, avail mem=12.25 GB, mem usage=125.65 GB.
ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.88.`);
  assert.equal(facts.failure?.kind, "noKvMemory");
  assert.ok(Math.abs((facts.figures.weights?.expectedBytes ?? 0) - 125.65 * gib) < 0.01 * gib);
});

test("memory that ends while graphs are captured (sglang#4127)", () => {
  const facts = readLog(`[2025-03-06 12:11:36 TP0] Load weight begin. avail mem=21.63 GB
[2025-03-06 12:12:36 TP0] Load weight end. type=Qwen2ForCausalLM, dtype=torch.bfloat16, avail mem=6.09 GB
[2025-03-06 12:12:36 TP0] KV Cache is allocated. K size: 1.42 GB, V size: 1.42 GB.
[2025-03-06 12:12:36 TP0] Capture cuda graph begin. This can take up to several minutes. avail mem=1.45 GB
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 576.00 MiB. GPU 0 has a total capacity of 22.07 GiB of which 300.00 MiB is free.`);
  assert.equal(facts.failure?.kind, "graphCapture");
  assert.ok(Math.abs((facts.figures.weights?.expectedBytes ?? 0) - 15.54 * gib) < 0.01 * gib);
});

test("the refusal of the first versions has a slip of the pen (sglang#322)", () => {
  const facts =
    readLog(`  File "/env/lib/python3.11/site-packages/sglang/srt/managers/router/manager.py", line 68, in start_router_process
RuntimeError: Not enought memory. Please try to increase --mem-fraction-static.`);
  assert.equal(facts.failure?.kind, "noKvMemory");
});
