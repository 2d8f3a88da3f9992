"""vLLM's own KV cache arithmetic as an oracle: random layer sets through get_kv_cache_configs.

    python scripts/oracle/vllm_kv_cache.py --cases 2400 --seed 7 | gzip -9n > tests/fixtures/planner/vllm-kv-cache.jsonl.gz

Needs a Python in which `vllm` imports (the CPU wheel is enough; nothing is run on a device). The first line of the output
states version, date and seed; each further line is one case: layer kinds, the layers as indices, the limits, the bytes of
each worker, and what vLLM answered (blocks, tokens, concurrency, groups, length) or the error it raised.
"""

import argparse
import datetime
import json
import random
import types

import torch
import vllm
from vllm.v1.core import kv_cache_utils as kv
from vllm.v1.kv_cache_interface import (
    ChunkedLocalAttentionSpec,
    CrossAttentionSpec,
    FullAttentionSpec,
    MambaSpec,
    MLAAttentionSpec,
    SlidingWindowMLASpec,
    SlidingWindowSpec,
)
from vllm.v1.kv_cache_layout import KVCacheLayout

DTYPES = {1: torch.uint8, 2: torch.bfloat16, 4: torch.float32}


def make_spec(kind):
    """One layer kind of a case as vLLM's spec."""
    name, block = kind["kind"], kind["block"]
    if name == "mamba":
        return MambaSpec(
            block_size=block,
            shapes=((kind["state"],),),
            dtypes=(torch.uint8,),
            page_size_padded=kind["padded"],
            num_speculative_blocks=kind["spec"],
        )
    common = dict(block_size=block, num_kv_heads=kind["heads"], head_size=kind["dim"], dtype=DTYPES[kind["bytes"]])
    if kind["padded"] is not None:
        common["page_size_padded"] = kind["padded"]
    if kind["content"] is not None:
        common["state_content_bytes"] = kind["content"]
    if name == "full":
        return FullAttentionSpec(**common)
    if name == "latent":
        return MLAAttentionSpec(**common)
    if name == "sliding":
        return SlidingWindowSpec(sliding_window=kind["span"], **common)
    if name == "slidingLatent":
        return SlidingWindowMLASpec(sliding_window=kind["span"], **common)
    if name == "chunked":
        return ChunkedLocalAttentionSpec(attention_chunk_size=kind["span"], **common)
    return CrossAttentionSpec(**common)


def attention(rng, name, block, heads, dim, width):
    content = (2 * dim) * 1 + 8 if width == 1 and rng.random() < 0.3 and name in ("full", "sliding") else None
    return {
        "kind": name,
        "block": block,
        "heads": 1 if "atent" in name else heads,
        "dim": rng.choice([576, 512, 320, 80]) if "atent" in name else dim,
        "bytes": width,
        "content": content,
        "padded": None,
        "span": None,
    }


def random_kinds(rng):
    """The layer kinds of one model: alike in most numbers, as real models are."""
    block = rng.choice([16, 16, 16, 32, 64, 128])
    heads = rng.choice([1, 2, 4, 8, 16, 32])
    dim = rng.choice([64, 80, 96, 128, 192, 256])
    width = rng.choice([1, 2, 2, 2, 4])
    shape = rng.choice(
        ["full", "full", "latent", "uniform", "sliding", "slides", "chunked", "hybrid", "hybrid3", "mamba", "cross", "latentSliding",
         "latents", "mixedHeads", "mixedDtype"]
    )
    make = lambda name, **changes: {**attention(rng, name, block, heads, dim, width), **changes}
    window = rng.choice([128, 512, 1024, 4096])
    mamba = {"kind": "mamba", "block": block, "state": rng.choice([4096, 65536, 100000, 1048576]), "padded": None, "spec": rng.choice([0, 0, 1, 3])}
    if shape == "full":
        return [make("full")]
    if shape == "latent":
        return [make("latent")]
    if shape == "uniform":
        return [make("full"), make("full", dim=dim * 2)]
    if shape == "sliding":
        return [make("sliding", span=window)]
    if shape == "slides":
        return [make("full"), make("sliding", span=window), make("sliding", span=window * 2)]
    if shape == "chunked":
        return [make("full"), make("chunked", span=rng.choice([1024, 8192]))]
    if shape == "hybrid":
        return [make("full"), make("sliding", span=window)]
    if shape == "hybrid3":
        return [make("full"), make("sliding", span=window), mamba]
    if shape == "mamba":
        return [make("full"), mamba] if rng.random() < 0.8 else [mamba]
    if shape == "cross":
        return [make("full"), make("cross")]
    if shape == "latentSliding":
        return [make("latent"), make("sliding", span=window)]
    if shape == "latents":
        return [make("latent"), make("slidingLatent", span=window)]
    if shape == "mixedHeads":
        return [make("full", heads=heads), make("sliding", heads=max(1, heads // rng.choice([2, 3, 4])), span=window)]
    return [make("full", bytes=2), make("sliding", bytes=1, span=window)]


def random_case(rng):
    kinds = random_kinds(rng)
    if len(kinds) > 1 and rng.random() < 0.1:
        big = max(make_spec(kind).page_size_bytes for kind in kinds)
        for kind in kinds:
            if kind["kind"] == "mamba" and kind["state"] <= big:
                kind["padded"] = big
    total = rng.randint(1, 64)
    period = rng.choice([2, 3, 4, 5, 6])
    layers = []
    for index in range(total):
        if len(kinds) == 1 or index % period == period - 1:
            layers.append(0)
        else:
            layers.append(1 + index % (len(kinds) - 1))
    if rng.random() < 0.3:
        rng.shuffle(layers)
    used = {kinds[i]["kind"] for i in layers}
    stages = rng.choice([1, 1, 1, 2, 3]) if total >= 6 else 1
    plain = used <= {"full", "latent"}
    return {
        "kinds": kinds,
        "layers": layers,
        "stages": stages,
        "length": rng.choice([1, 100, 512, 2048, 3000, 4096, 8192, 32768, 131072, 262144]),
        "inFlight": rng.choice([512, 1024, 2048, 8192, 16384]),
        "dcp": rng.choice([1, 1, 2, 4]) if plain else 1,
        "mamba": rng.choice(["none", "align"]),
        "encoder": rng.choice([1500, 2048]),
        "lookahead": rng.choice([0, 0, 0, 1, 3]),
        "disableHybrid": rng.random() < 0.2,
        "override": rng.choice([None, None, None, None, 1, 16, 500, 12345]),
        "auto": rng.random() < 0.15,
        "memory": [int(2 ** rng.uniform(18, 37)) for _ in range(stages)],
    }


def config_of(case):
    space = types.SimpleNamespace
    return space(
        model_config=space(
            max_model_len=case["length"], original_max_model_len=-1 if case["auto"] else case["length"], hf_config=space(model_type="")
        ),
        parallel_config=space(decode_context_parallel_size=case["dcp"], tensor_parallel_size=1),
        scheduler_config=space(
            disable_hybrid_kv_cache_manager=case["disableHybrid"], max_num_encoder_input_tokens=case["encoder"]
        ),
        cache_config=space(
            num_gpu_blocks_override=case["override"],
            mamba_cache_mode=case["mamba"],
            prefix_cache_retention_interval=None,
            get_resolved_kv_cache_layout=lambda: KVCacheLayout.LBNHC,
        ),
        attention_config=space(hisparse_config=None),
        device_config=space(device_type="cuda"),
        speculative_config=None,
        max_in_flight_tokens=case["inFlight"],
        num_prefill_lookahead_tokens=case["lookahead"],
    )


def stage_bounds(total, stages):
    size = total // stages
    return [(stage * size, total if stage == stages - 1 else (stage + 1) * size) for stage in range(stages)]


def answer(case):
    config = config_of(case)
    specs = [make_spec(kind) for kind in case["kinds"]]
    workers = [
        {f"layer.{i}": specs[case["layers"][i]] for i in range(start, end)}
        for start, end in stage_bounds(len(case["layers"]), case["stages"])
    ]
    try:
        configs = kv.get_kv_cache_configs(config, workers, list(case["memory"]))
        scheduler = kv.generate_scheduler_kv_cache_config(configs)
        tokens, concurrency = kv.get_kv_cache_capacity(config, scheduler)
    except (ValueError, NotImplementedError, AssertionError, TypeError, ZeroDivisionError) as error:
        return {"error": type(error).__name__, "text": str(error) if isinstance(error, ValueError) else ""}
    return {
        "blocks": configs[0].num_blocks,
        "tokens": tokens,
        "concurrency": concurrency,
        "groups": len(configs[0].kv_cache_groups),
        "length": config.model_config.max_model_len,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    head = {"engine": "vllm", "version": vllm.__version__, "date": datetime.date.today().isoformat(), "seed": options.seed}
    print(json.dumps({**head, "cases": options.cases}))
    for _ in range(options.cases):
        case = random_case(rng)
        print(json.dumps({**case, "answer": answer(case)}, separators=(",", ":")))


if __name__ == "__main__":
    main()
