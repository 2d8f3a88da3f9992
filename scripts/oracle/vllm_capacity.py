"""What a real vLLM allocates for small configurations: the CPU build, weights made up (`load_format=dummy`), eager.

    python scripts/oracle/vllm_capacity.py CONFIGS.jsonl >> tests/fixtures/planner/vllm-capacity-own.jsonl

Each line of CONFIGS: {"model": name, "config": {…config.json…}, "args": {…LLM arguments…}}. One process per start, for vLLM
keeps state. Rows have the format of vllm-capacity.jsonl.
"""

import json
import os
import subprocess
import sys
import tempfile

CHILD = """
import json, os, sys
case = json.load(sys.stdin)
from vllm import LLM
import vllm
out = {"model": case["model"], "config": case["config"], "args": case["args"], "dtype": "bfloat16"}
try:
    llm = LLM(model=case["folder"], load_format="dummy", enforce_eager=True, dtype="bfloat16", skip_tokenizer_init=True, **case["args"])
    config = llm.llm_engine.vllm_config
    cache = config.cache_config
    out |= {"kv_tokens": cache.kv_cache_size_tokens, "max_concurrency": round(cache.kv_cache_max_concurrency, 2),
            "block_size": cache.block_size, "num_blocks": cache.num_gpu_blocks,
            "max_batched": config.scheduler_config.max_num_batched_tokens, "max_seqs": config.scheduler_config.max_num_seqs,
            "async_scheduling": config.scheduler_config.async_scheduling}
except Exception as error:
    out["error"] = str(error)
out |= {"engine": "vllm", "engine_version": vllm.__version__ + "+cpu"}
print("ROW " + json.dumps(out), flush=True)
os._exit(0)
"""


def main():
    for line in open(sys.argv[1]):
        case = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "config.json"), "w") as file:
                json.dump(case["config"], file)
            environment = {**os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1"}
            ran = subprocess.run(
                [sys.executable, "-c", CHILD], input=json.dumps({**case, "folder": folder}), text=True, capture_output=True, env=environment
            )
            rows = [text[4:] for text in ran.stdout.splitlines() if text.startswith("ROW ")]
            print(rows[0] if rows else json.dumps({"model": case["model"], "failed": ran.stderr[-1500:]}), flush=True)


if __name__ == "__main__":
    main()
