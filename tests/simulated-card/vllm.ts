/** @module `vllm serve` over a simulated card: takes what the specification says in its order, and prints its lines. */
import { CardConnection, contextBytes, flag, model, serve } from "./engine-process.ts";
import {
  availableBytes,
  capacityLine,
  fitError,
  freeGrew,
  gib,
  numBlocks,
  requestedBytes,
  tooLittleFree,
} from "./vllm-rules.ts";

const blockTokens = 16;
const stamp = `12-01 10:00:00`;
const info = (source: string, text: string): void =>
  console.log(`(EngineCore pid=${process.pid}) INFO ${stamp} [${source}] ${text}`);

function fail(error: string): never {
  for (const line of ["EngineCore failed to start.", "Traceback (most recent call last):", error])
    console.log(`(EngineCore pid=${process.pid}) ERROR ${stamp} [core.py:1120] ${line}`);
  console.log(
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
  );
  process.exit(1);
}

async function taken(card: CardConnection, bytes: number): Promise<void> {
  if (!(await card.take(bytes)).isTaken)
    fail(`torch.OutOfMemoryError: CUDA out of memory. Tried to allocate ${gib(bytes)} GiB.`);
}

const share = Number(flag("gpu-memory-utilization") ?? 0.92);
const maxModelLen = Number(flag("max-model-len") ?? 8192);
const card = new CardConnection("VLLM::EngineCore");
info(
  "core.py:133",
  `Initializing a V1 LLM engine (v0.32.0) with config: model='${process.argv[3]}', max_seq_len=${maxModelLen}, tensor_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=auto, device_config=cuda`,
);
await taken(card, contextBytes);
const before = await card.look();
const requested = requestedBytes(before.totalBytes, share);
if (before.freeBytes < requested) fail(tooLittleFree(before.freeBytes, before.totalBytes, share));
await taken(card, model.weightsBytes + model.persistentBytes);
info(
  "gpu_model_runner.py:5150",
  `Model loading took ${gib(model.weightsBytes)} GiB memory and 2.118840 seconds`,
);
await card.whileHeld();
await taken(card, model.activationBytes);
await card.take(-model.activationBytes);
const after = await card.look();
if (after.freeBytes > before.freeBytes) fail(freeGrew(before.freeBytes, after.freeBytes));
info(
  "gpu_model_runner.py:6475",
  `Estimated CUDA graph memory: ${(model.graphBytes / 2 ** 30).toFixed(2)} GiB total`,
);
const stated = flag("kv-cache-memory-bytes");
const available =
  stated === null
    ? availableBytes({
        requestedBytes: requested,
        consumedBytes: before.freeBytes - after.freeBytes,
        transientBytes: model.activationBytes,
        graphBytes: model.graphBytes,
      })
    : Number(stated);
info("gpu_worker.py:759", `Available KV cache memory: ${gib(available)} GiB`);
const error = fitError(available, model.kvBytesPerToken, blockTokens, maxModelLen);
if (error !== null) fail(error);
const blocks = numBlocks(available, model.kvBytesPerToken, blockTokens);
info("kv_cache_utils.py:1411", capacityLine(blocks, blockTokens, maxModelLen));
await taken(card, blocks * blockTokens * model.kvBytesPerToken);
await taken(card, model.graphBytes);
info("gpu_model_runner.py:6582", `Graph capturing finished in 8 secs, took ${gib(model.graphBytes)} GiB`);
await serve(
  "port",
  `vllm:num_requests_running{engine="0"} 0.0\nvllm:num_requests_waiting{engine="0"} 0.0\nvllm:cache_config_info{block_size="${blockTokens}",num_gpu_blocks="${blocks}"} 1.0\n`,
);
console.log(`(APIServer pid=${process.pid}) INFO:     Application startup complete.`);
