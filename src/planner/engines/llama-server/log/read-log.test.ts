/** Lines that others pasted in issues of llama.cpp and ik_llama.cpp. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLog } from "../../../explain/read-log.ts";

test("weights that do not fit: phase and bytes (llama.cpp#20431)", () => {
  const facts =
    readLog(`load_tensors: loading model tensors, this can take a while... (mmap = true, direct_io = false)
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 144817.04 MiB on device 0: cudaMalloc failed: out of memory
alloc_tensor_range: failed to allocate CUDA0 buffer of size 151851674624
llama_model_load: error loading model: unable to allocate CUDA0 buffer`);
  assert.equal(facts.engine, "llama-server");
  assert.equal(facts.failure?.kind, "weights");
  assert.ok(Math.abs((facts.outOfMemory?.tried?.expectedBytes ?? 0) - 151_851_674_624) < 2 ** 20);
});

test("compute buffers that do not fit (ik_llama.cpp#749)", () => {
  const facts = readLog(`llama_kv_cache_init:      CUDA0 KV buffer size =   379.23 MiB
llama_kv_cache_init:      CUDA1 KV buffer size =    82.44 MiB
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 279356.51 MiB on device 0: cudaMalloc failed: out of memory
ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 292926534144
llama_new_context_with_model: failed to allocate compute buffers`);
  assert.equal(facts.failure?.kind, "activations");
});

test("a buffer that is tried again without pipeline parallelism is no failure (llama.cpp pull 26297)", () => {
  const facts =
    readLog(`1.06.520.077 E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 51748.72 MiB on device 1: cudaMalloc failed: out of memory
1.06.520.084 E ggml_gallocr_reserve_n_impl: failed to allocate CUDA1 buffer of size 54262464512
1.06.520.086 E graph_reserve: failed to allocate compute buffers
1.06.520.107 W sched_reserve: compute buffer allocation failed, retrying without pipeline parallelism
1.07.304.130 I srv    load_model: initializing, n_slots = 1, n_ctx_slot = 50176, kv_unified = 'false'`);
  assert.equal(facts.failure, null);
  assert.equal(facts.hasStarted, true);
});
