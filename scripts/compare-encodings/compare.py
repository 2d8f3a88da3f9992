"""How far Pagoda and llama.cpp are from float32 and from each other on one file, for every encoding: docs/models.md.

Usage: python scripts/compare-encodings/compare.py SCRATCH_FOLDER [TYPE ...]   (from the root; `node` runs TypeScript)
Four layers of width 512 with random weights, 256 tokens. Prints rows of a Markdown table.
"""

import json
import subprocess
import sys

import numpy as np
from models import divergence, logits_of, logprobs, write_model

SHAPE = {"hidden": 512, "inner": 1024, "layers": 4, "vocabulary": 1024, "heads": 8, "kv_heads": 2}
KINDS = (
    "F16 Q8_0 Q5_0 Q5_1 Q4_0 Q4_1 Q6_K Q5_K Q4_K Q3_K Q2_K IQ4_NL IQ4_XS IQ3_S IQ3_XXS IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S "
    "TQ1_0 TQ2_0 Q1_0 Q2_0 MXFP4 NVFP4"
).split()
scratch, *chosen = sys.argv[1:]
tokens = np.random.default_rng(5).integers(0, SHAPE["vocabulary"], 256).tolist()
with open(f"{scratch}/tokens.json", "w", encoding="utf-8") as file:
    json.dump(tokens, file)
for kind in chosen or KINDS:
    path, floats, ours = (f"{scratch}/{name}" for name in ("model.gguf", "floats.gguf", "logits"))
    factor = lambda name: {"attn_q": 0.5, "ffn_down": 2.5}.get(name.split(".")[-1], 0) if kind == "NVFP4" else 0
    options = {"kind_of": lambda name: "F16" if name == "token_embd" else kind, "factor_of": factor}
    write_model(path, SHAPE, **options)
    write_model(floats, SHAPE, as_floats=True, **options)
    subprocess.run(["node_modules/.bin/node", "scripts/logits-of-gguf.ts", path, f"{scratch}/tokens.json", ours], check=True, stderr=subprocess.DEVNULL)
    wanted, theirs = logprobs(logits_of(floats, tokens, exact=True)), logprobs(logits_of(path, tokens))
    pagoda = logprobs(np.fromfile(ours, np.float32).reshape(wanted.shape))
    apart = (np.exp(theirs) * abs(pagoda - theirs)).sum(-1).mean()
    print(f"| {kind} | {divergence(wanted, pagoda):.4f} | {divergence(wanted, theirs):.4f} | {apart:.3f} |", flush=True)
