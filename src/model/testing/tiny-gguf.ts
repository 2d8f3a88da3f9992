/** @module Two small but whole GGUF models for tests: one with byte-level BPE, one with SentencePiece. */
import { alphabetTextOfBytes } from "../tokenizer/merges/byte-alphabet.ts";
import { byteTokenName } from "../tokenizer/merges/symbol-readers.ts";
import { type BuilderTensor, type BuilderValue, buildGguf } from "./gguf-builder.ts";

const hidden = 64;
const numLayers = 2;
const template =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

function modelFields(numTokens: number): [string, BuilderValue][] {
  return [
    ["general.architecture", { kind: "text", value: "llama" }],
    ["general.name", { kind: "text", value: "tiny" }],
    ["llama.block_count", { kind: "u32", value: numLayers }],
    ["llama.context_length", { kind: "u32", value: 128 }],
    ["llama.embedding_length", { kind: "u32", value: hidden }],
    ["llama.feed_forward_length", { kind: "u32", value: 96 }],
    ["llama.attention.head_count", { kind: "u32", value: 4 }],
    ["llama.attention.head_count_kv", { kind: "u32", value: 2 }],
    ["llama.rope.freq_base", { kind: "f32", value: 10000 }],
    ["llama.attention.layer_norm_rms_epsilon", { kind: "f32", value: 1e-5 }],
    ["llama.vocab_size", { kind: "u32", value: numTokens }],
    ["tokenizer.chat_template", { kind: "text", value: template }],
    ["general.sampling.temp", { kind: "f32", value: 0.5 }],
  ];
}

function modelTensors(numTokens: number): BuilderTensor[] {
  const layers = Array.from({ length: numLayers }, (_, layer): BuilderTensor[] => [
    { name: `blk.${layer}.attn_norm.weight`, shape: [hidden], type: "F32" },
    { name: `blk.${layer}.attn_q.weight`, shape: [hidden, hidden], type: "Q4_1" },
    { name: `blk.${layer}.attn_k.weight`, shape: [hidden / 2, hidden], type: "Q4_0" },
    { name: `blk.${layer}.attn_v.weight`, shape: [hidden / 2, hidden], type: "Q8_0" },
    { name: `blk.${layer}.attn_output.weight`, shape: [hidden, hidden], type: "F16" },
    { name: `blk.${layer}.ffn_norm.weight`, shape: [hidden], type: "F32" },
    { name: `blk.${layer}.ffn_gate.weight`, shape: [96, hidden], type: "Q4_1" },
    { name: `blk.${layer}.ffn_up.weight`, shape: [96, hidden], type: "BF16" },
    { name: `blk.${layer}.ffn_down.weight`, shape: [hidden, 96], type: "Q8_0" },
  ]);
  return [
    { name: "token_embd.weight", shape: [numTokens, hidden], type: "Q8_0" },
    ...layers.flat(),
    { name: "output_norm.weight", shape: [hidden], type: "F32" },
  ];
}

const bytePieces = Array.from({ length: 256 }, (_, byte) => alphabetTextOfBytes(Uint8Array.of(byte)));
const control = 3;
const normal = 1;

/** Special tokens 0–2, then the bytes, then merged pieces. */
export function tinyByteLevelGguf(): Buffer {
  const merges = ["h e", "l l", "he ll", "hell o", "\u0120 w", "o r", "\u0120w or", "l d", "\u0120wor ld"];
  const merged = merges.map((merge) => merge.replace(" ", ""));
  const tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", ...bytePieces, ...merged];
  const kinds = tokens.map((_, id) => (id < 3 ? control : normal));
  const fields: [string, BuilderValue][] = [
    ...modelFields(tokens.length),
    ["tokenizer.ggml.model", { kind: "text", value: "gpt2" }],
    ["tokenizer.ggml.pre", { kind: "text", value: "smollm" }],
    ["tokenizer.ggml.tokens", { kind: "texts", value: tokens }],
    ["tokenizer.ggml.token_type", { kind: "i32s", value: kinds }],
    ["tokenizer.ggml.merges", { kind: "texts", value: merges }],
    ["tokenizer.ggml.bos_token_id", { kind: "u32", value: 1 }],
    ["tokenizer.ggml.eos_token_id", { kind: "u32", value: 2 }],
    ["tokenizer.ggml.add_bos_token", { kind: "flag", value: false }],
  ];
  return buildGguf(new Map(fields), modelTensors(tokens.length));
}

/** <unk>, <s>, </s>, the 256 byte tokens, single characters, then pieces in order of score. */
export function tinySentencePieceGguf(): Buffer {
  const characters = [..."\u2581helowrd,.éaxy"];
  const pieces = [
    "\u2581h",
    "el",
    "\u2581hel",
    "lo",
    "\u2581hello",
    "\u2581w",
    "or",
    "\u2581wor",
    "ld",
    "\u2581world",
    "x\u2581",
    "x\u2581y",
  ];
  const bytes = Array.from({ length: 256 }, (_, byte) => byteTokenName(byte));
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...characters, ...pieces];
  const kinds = tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? control : id < 259 ? 6 : normal));
  const fields: [string, BuilderValue][] = [
    ...modelFields(tokens.length),
    ["tokenizer.ggml.model", { kind: "text", value: "llama" }],
    ["tokenizer.ggml.tokens", { kind: "texts", value: tokens }],
    ["tokenizer.ggml.scores", { kind: "f32s", value: tokens.map((_, id) => -id) }],
    ["tokenizer.ggml.token_type", { kind: "i32s", value: kinds }],
    ["tokenizer.ggml.bos_token_id", { kind: "u32", value: 1 }],
    ["tokenizer.ggml.eos_token_id", { kind: "u32", value: 2 }],
    ["tokenizer.ggml.unknown_token_id", { kind: "u32", value: 0 }],
  ];
  return buildGguf(new Map(fields), modelTensors(tokens.length));
}
