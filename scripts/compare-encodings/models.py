"""Small random Llama models as GGUF, with matrices in any encoding of ggml, and what llama.cpp makes of them.

Needs llama-cpp-python with a library that has GGML's newest types, and the `gguf` package.
"""

import ctypes
import glob
import os

import gguf
import llama_cpp.llama_cpp as llama
import numpy as np

TYPES = {kind.name: kind for kind in gguf.GGMLQuantizationType}
FLOATS = {"F32": np.float32, "F16": np.float16}
MOST_TOKENS = 512


class Traits(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("block", ctypes.c_int64), ("interleave", ctypes.c_int64), ("size", ctypes.c_size_t),
        ("quantized", ctypes.c_bool), ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
    ]


def load_ggml():
    folder = os.environ.get("LLAMA_CPP_LIB_PATH") or os.path.join(os.path.dirname(llama.__file__), "lib")
    ggml = ctypes.CDLL(glob.glob(f"{folder}/libggml-base.so")[0])
    ggml.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    return ggml


GGML = load_ggml()


def quantized(matrix, kind):
    """Rows of bytes; every weight counts the same (an importance matrix of ones)."""
    if kind in FLOATS:
        return matrix.astype(FLOATS[kind])
    rows, cols = matrix.shape
    traits = GGML.ggml_get_type_traits(TYPES[kind].value).contents
    out = np.zeros((rows, cols // traits.block * traits.size), np.uint8)
    importance = np.ones(cols, np.float32)
    GGML.ggml_quantize_chunk(TYPES[kind].value, matrix.ctypes.data, out.ctypes.data, 0, rows, cols, importance.ctypes.data)
    return out


def dequantized(stored, kind):
    if kind in FLOATS:
        return stored.astype(np.float32)
    traits = GGML.ggml_get_type_traits(TYPES[kind].value).contents
    out = np.zeros((stored.shape[0], stored.shape[1] // traits.size * traits.block), np.float32)
    traits.to_float(stored.ctypes.data, out.ctypes.data, out.size)
    return out


class ModelWriter:
    """`kind_of` names each matrix's encoding, `factor_of` the factor beside it (0: none); `as_floats` writes the same weights as F32."""

    def __init__(self, path, shape, kind_of, factor_of, as_floats, seed):
        self.writer = gguf.GGUFWriter(path, "llama")
        self.kind_of, self.factor_of, self.as_floats = kind_of, factor_of, as_floats
        self.random = np.random.default_rng(seed)
        self.shape = shape

    def matrix(self, name, rows, cols, size):
        weights = self.random.normal(0, size / cols**0.5, (rows, cols)).astype(np.float32)
        kind, factor = self.kind_of(name), self.factor_of(name)
        stored = quantized(weights, kind)
        if self.as_floats:
            floats = dequantized(stored, kind) * np.float32(factor or 1)
            self.writer.add_tensor(f"{name}.weight", floats)
            return
        raw = {} if kind in FLOATS else {"raw_dtype": TYPES[kind]}
        self.writer.add_tensor(f"{name}.weight", stored, **raw)
        if factor:
            self.writer.add_tensor(f"{name}.scale", np.array([factor], np.float32))

    def norm(self, name):
        self.writer.add_tensor(f"{name}.weight", (1 + self.random.normal(0, 0.1, self.shape["hidden"])).astype(np.float32))

    def layer(self, layer):
        hidden, inner, dim = self.shape["hidden"], self.shape["inner"], 64
        heads, kv_heads = self.shape["heads"], self.shape["kv_heads"]
        block = f"blk.{layer}."
        self.norm(f"{block}attn_norm")
        self.matrix(f"{block}attn_q", heads * dim, hidden, 2)
        self.matrix(f"{block}attn_k", kv_heads * dim, hidden, 2)
        self.matrix(f"{block}attn_v", kv_heads * dim, hidden, 1)
        self.matrix(f"{block}attn_output", hidden, heads * dim, 1)
        self.norm(f"{block}ffn_norm")
        self.matrix(f"{block}ffn_gate", inner, hidden, 1.5)
        self.matrix(f"{block}ffn_up", inner, hidden, 1.5)
        self.matrix(f"{block}ffn_down", hidden, inner, 1)

    def write(self):
        shape, writer = self.shape, self.writer
        writer.add_name("random")
        writer.add_block_count(shape["layers"])
        writer.add_context_length(MOST_TOKENS)
        writer.add_embedding_length(shape["hidden"])
        writer.add_feed_forward_length(shape["inner"])
        writer.add_head_count(shape["heads"])
        writer.add_head_count_kv(shape["kv_heads"])
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_vocab_size(shape["vocabulary"])
        writer.add_tokenizer_model("none")
        self.matrix("token_embd", shape["vocabulary"], shape["hidden"], shape["hidden"] ** 0.5)
        for layer in range(shape["layers"]):
            self.layer(layer)
        writer.add_tensor("output_norm.weight", np.ones(shape["hidden"], np.float32))
        self.matrix("output", shape["vocabulary"], shape["hidden"], 3)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def write_model(path, shape, kind_of, factor_of=lambda name: 0, as_floats=False, seed=1):
    ModelWriter(path, shape, kind_of, factor_of, as_floats, seed).write()


SILENT = llama.llama_log_callback(lambda *_: None)


def logits_of(path, tokens, exact=False):
    """[tokens, vocabulary] by llama.cpp; `exact` keeps the cache in F32."""
    llama.llama_backend_init()
    llama.llama_log_set(SILENT, None)
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = MOST_TOKENS
    if exact:
        params.type_k = params.type_v = params.flash_attn_type = 0
    context = llama.llama_init_from_model(model, params)
    batch = llama.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for position, token in enumerate(tokens):
        batch.token[position], batch.pos[position], batch.logits[position] = token, position, 1
        batch.n_seq_id[position], batch.seq_id[position][0] = 1, 0
    assert llama.llama_decode(context, batch) == 0
    width = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    logits = np.ctypeslib.as_array(llama.llama_get_logits(context), (len(tokens), width)).copy()
    llama.llama_free(context)
    llama.llama_model_free(model)
    return logits


def logprobs(logits):
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def divergence(wanted, actual):
    """Mean Kullback-Leibler divergence over positions, in nats."""
    return float((np.exp(wanted) * (wanted - actual)).sum(-1).mean())
