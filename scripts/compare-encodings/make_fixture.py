"""Writes tests/fixtures/tiny-gguf/every-encoding.gguf and .json: every matrix in another encoding, and llama.cpp's logits.

Usage: python make_fixture.py tests/fixtures/tiny-gguf SCRATCH_FOLDER
"""

import base64
import json
import sys

import numpy as np
from models import divergence, logits_of, logprobs, write_model

KINDS = "Q2_K Q3_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 Q1_0 Q2_0 MXFP4 NVFP4".split()
SHAPE = {"hidden": 256, "inner": 256, "layers": 3, "vocabulary": 128, "heads": 4, "kv_heads": 1}
MATRICES = "ffn_gate ffn_up ffn_down attn_output attn_q attn_k attn_v".split()

names = [f"blk.{layer}.{matrix}" for layer in range(SHAPE["layers"]) for matrix in MATRICES]
kinds = {name: KINDS[index % len(KINDS)] for index, name in enumerate(names)} | {"output": "IQ4_NL"}
options = {
    "kind_of": lambda name: kinds.get(name, "F16"),
    "factor_of": lambda name: 0.75 if kinds.get(name) == "NVFP4" else 0,
    "seed": 3,
}
path, floats = f"{sys.argv[1]}/every-encoding.gguf", f"{sys.argv[2]}/floats.gguf"
write_model(path, SHAPE, **options)
write_model(floats, SHAPE, as_floats=True, **options)
tokens = np.random.default_rng(5).integers(0, SHAPE["vocabulary"], 24).tolist()
wanted = logits_of(floats, tokens, exact=True)
content = {
    "source": "llama.cpp on the same weights as F32 with a cache in F32; klOfLlamaCpp: on the file itself",
    "tokens": tokens,
    "vocabularyWidth": SHAPE["vocabulary"],
    "logits": base64.b64encode(wanted.astype("<f4").tobytes()).decode(),
    "klOfLlamaCpp": divergence(logprobs(wanted), logprobs(logits_of(path, tokens))),
}
with open(f"{sys.argv[1]}/every-encoding.json", "w", encoding="utf-8") as file:
    json.dump(content, file, indent=1)
