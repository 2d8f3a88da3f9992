"""LMDeploy's own KV sizing as an oracle: random models, limits and free bytes through its PyTorch engine's executor.

    PYTHONPATH=/path/to/unzipped/wheel python scripts/oracle/lmdeploy_sizing.py --cases 2400 --seed 11 \
        | gzip -9n > tests/fixtures/planner/lmdeploy-sizing.jsonl.gz

Needs a Python with torch (a CPU build is enough) and the files of the lmdeploy wheel; nothing is run on a device.

What imports without a GPU: the executor's `update_configs` (block size, states, runtime reserve with its halving, block
count), the block-cache plan with its tensor shapes and 256-byte rounding (realised on torch's meta device), and the
repetition of KV heads. The packages' __init__ files are passed over, because they pull in model registries and kernels.
What does not import: TurboMind, whose arithmetic is C++ in `_turbomind` and needs the CUDA driver; and
`get_max_batch_size`, which asks torch.cuda for the device's name. TurboMind's rules are held against published vectors.
"""

import argparse
import datetime
import json
import logging
import pathlib
import random
import sys
import types

SKIPPED_INITS = (
    "lmdeploy",
    "lmdeploy.pytorch",
    "lmdeploy.pytorch.configurations",
    "lmdeploy.pytorch.engine",
    "lmdeploy.pytorch.engine.executor",
    "lmdeploy.pytorch.engine.cache_engine",
)


def open_packages():
    """Makes the packages importable module by module, without running their __init__."""
    root = next(pathlib.Path(entry) for entry in sys.path if (pathlib.Path(entry) / "lmdeploy" / "version.py").exists())
    for name in SKIPPED_INITS:
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = package
    return root


ROOT = open_packages()

import torch  # noqa: E402
from lmdeploy.messages import QuantPolicy  # noqa: E402
from lmdeploy.pytorch.config import CacheConfig, ModelConfig  # noqa: E402
from lmdeploy.pytorch.configurations.builder import AutoModelConfigBuilder  # noqa: E402
from lmdeploy.pytorch.engine.cache_engine import plan as cache_plan  # noqa: E402
from lmdeploy.pytorch.engine.cache_engine import state as cache_state  # noqa: E402
from lmdeploy.pytorch.engine.executor import base  # noqa: E402

sys.modules["lmdeploy.pytorch.engine.cache_engine"].StateCacheEngine = cache_state.StateCacheEngine


def version():
    text = (ROOT / "lmdeploy" / "version.py").read_text()
    return text.split("__version__ = ")[1].split("\n")[0].strip("'\"")


class Sizer(base.ExecutorBase):
    """The executor with workers that answer from the case: their free bytes, and their real block-cache plans."""

    def __init__(self, case, model_config, cache_config, ranks):
        self.case, self.ranks = case, ranks
        self.model_config, self.cache_config = model_config, cache_config
        self.specdecode_config = None
        self.misc_config = types.SimpleNamespace(memdecode_config=None)
        self.block_bytes = 0

    def _prepare_worker_cache_plans(self, cache_config, spec_cache_config=None):
        plan = cache_plan.build_block_cache_plan(self.model_config, cache_config, self.ranks)
        self.block_bytes = plan.logical_block_nbytes
        return [base._WorkerCachePlanSizes(target=self.block_bytes) for _ in self.case["free"]]

    def gather_free_mem(self):
        return list(self.case["free"])

    def set_cache_config(self, cache_config, spec_cache_config=None):
        pass

    def set_model_config(self, model_config, spec_model_config=None):
        pass


def random_case(rng):
    latent = rng.random() < 0.15
    ranks = rng.choice([1, 1, 1, 2, 4, 8])
    heads = rng.choice([1, 2, 4, 8, 16, 32])
    policies = [0, 0, 0, 8, 4, 16, 17] + ([] if latent else [42])
    block = rng.choice([16, 32, 64, 64, 64, 128, 256])
    kernels = [-1, -1] + [size for size in (16, 32, 64, 128) if size <= block and block % size == 0]
    free = int(2 ** rng.uniform(28, 37))
    return {
        "latent": latent,
        "flashMla": latent and rng.random() < 0.4,
        "layers": rng.randint(1, 96),
        "heads": 1 if latent else heads,
        "dim": rng.choice([512, 256, 448]) if latent else rng.choice([64, 80, 96, 128, 192, 256]),
        "rope": 64 if latent else 0,
        "ranks": ranks,
        "dtype": rng.choice(["bfloat16", "float16"]),
        "policy": 0 if latent else rng.choice(policies),
        "block": block,
        "kernel": rng.choice(kernels) if not latent else -1,
        "batch": rng.choice([1, 8, 64, 128, 256, 384, 1024]),
        "prefill": rng.choice([256, 1000, 2048, 4096, 8192, 16384, 65536]),
        "vocab": rng.choice([32000, 50257, 128256, 151936, 152064, 202048, 256000]),
        "share": rng.choice([0.8, 0.8, 0.5, 0.9, 0.2, 0.05, 0.95, round(rng.uniform(0.01, 0.99), 6)]),
        "blocks": rng.choice([0, 0, 0, 0, 0, 3, 500, 12345]),
        "free": [free - rng.randint(0, 2**20) * rng.choice([0, 1, 64]) for _ in range(ranks)],
    }


def answer(case):
    """What LMDeploy decides, or the error it raises."""
    try:
        heads = AutoModelConfigBuilder.update_num_kv_heads(types.SimpleNamespace(), case["ranks"], case["heads"])
        width = case["dim"] + case["rope"]
        model = ModelConfig(
            hidden_size=4096,
            num_layers=case["layers"],
            num_attention_heads=64,
            num_key_value_heads=heads,
            bos_token_id=1,
            eos_token_id=[2],
            head_dim=width,
            k_head_dim=width,
            v_head_dim=0 if case["latent"] else width,
            dtype=getattr(torch, case["dtype"]),
            vocab_size=case["vocab"],
            use_flash_mla=case["flashMla"],
        )
        cache = CacheConfig(
            max_batches=case["batch"],
            block_size=case["block"],
            num_cpu_blocks=0,
            num_gpu_blocks=case["blocks"],
            kernel_block_size=case["kernel"],
            cache_max_entry_count=case["share"],
            max_prefill_token_num=case["prefill"],
            quant_policy=QuantPolicy(case["policy"]),
        )
        sizer = Sizer(case, model, cache, case["ranks"])
        sizer.update_configs()
    except (RuntimeError, ValueError, AssertionError) as error:
        return {"error": type(error).__name__, "text": str(error)}
    return {
        "blockBytes": sizer.block_bytes,
        "blockSize": cache.block_size,
        "blocks": cache.num_gpu_blocks,
        "prefill": cache.max_prefill_token_num,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    # Its warnings go to standard output, where the cases go.
    logging.disable(logging.CRITICAL)
    rng = random.Random(options.seed)
    head = {"engine": "lmdeploy", "version": version(), "date": datetime.date.today().isoformat(), "seed": options.seed}
    print(json.dumps({**head, "cases": options.cases}))
    for _ in range(options.cases):
        case = random_case(rng)
        print(json.dumps({**case, "answer": answer(case)}, separators=(",", ":")))


if __name__ == "__main__":
    main()
