/**
 * @module A model of given dimensions with random Q4_1 weights, for speeds that do not depend on the values of weights.
 *
 * All its tensors lie in one file and share their bytes: every tensor begins at offset 0, so the file is as long as the
 * largest tensor alone. In memory each has its own place, as with a real file.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Program } from "../../backend/backend.ts";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { buildProgram } from "../../model/architectures/build-program.ts";
import { parseHuggingFaceConfig } from "../../model/config/huggingface-config.ts";
import type { StoredTensor } from "../../model/weights/tensor-directory.ts";

/** Source: meta-llama/Llama-3.2-1B config.json. */
export const llama1b = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 128_256,
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  tie_word_embeddings: true,
  rope_theta: 500_000,
} as const;

/** SmolLM2-135M with 8 query heads and 4 KV heads, which two and four ranks divide evenly, instead of 9 and 3. */
export const evenHeads = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 49_152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 64,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  tie_word_embeddings: true,
  rope_theta: 100_000,
} as const;

type SyntheticConfig = { readonly [K in keyof typeof llama1b]: (typeof llama1b | typeof evenHeads)[K] };

export interface SyntheticModel {
  readonly program: Program;
  /** Removes the file of weights. */
  dispose(): void;
}

export function syntheticLlama(config: SyntheticConfig): SyntheticModel {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-synthetic-"));
  const path = join(folder, "weights");
  const tensors = tensorsOf(config, path);
  writeRandomQ4(path, Math.max(...tensors.map((tensor) => tensor.numBytes)));
  const program = buildProgram(
    parseHuggingFaceConfig(config),
    new Map(tensors.map((tensor) => [tensor.name, tensor])),
    {
      quantization: null,
    },
  );
  return { program, dispose: () => rmSync(folder, { recursive: true }) };
}

function tensorsOf(config: SyntheticConfig, path: string): StoredTensor[] {
  const tensor = (name: string, shape: readonly number[], type: TensorType): StoredTensor => {
    const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
    const numBytes = (shape.reduce((product, width) => product * width, 1) / weightsPerBlock) * bytesPerBlock;
    return { name, shape, type, path, byteOffset: 0, numBytes };
  };
  const { hidden_size: hidden, intermediate_size: inner, head_dim: headDim } = config;
  const queryWidth = config.num_attention_heads * headDim;
  const kvWidth = config.num_key_value_heads * headDim;
  const layers = Array.from({ length: config.num_hidden_layers }, (_, layer) => `model.layers.${layer}.`);
  return [
    tensor("model.embed_tokens.weight", [config.vocab_size, hidden], "Q4_1"),
    tensor("model.norm.weight", [hidden], "F32"),
    ...layers.flatMap((layer) => [
      tensor(`${layer}input_layernorm.weight`, [hidden], "F32"),
      tensor(`${layer}self_attn.q_proj.weight`, [queryWidth, hidden], "Q4_1"),
      tensor(`${layer}self_attn.k_proj.weight`, [kvWidth, hidden], "Q4_1"),
      tensor(`${layer}self_attn.v_proj.weight`, [kvWidth, hidden], "Q4_1"),
      tensor(`${layer}self_attn.o_proj.weight`, [hidden, queryWidth], "Q4_1"),
      tensor(`${layer}post_attention_layernorm.weight`, [hidden], "F32"),
      tensor(`${layer}mlp.gate_proj.weight`, [inner, hidden], "Q4_1"),
      tensor(`${layer}mlp.up_proj.weight`, [inner, hidden], "Q4_1"),
      tensor(`${layer}mlp.down_proj.weight`, [hidden, inner], "Q4_1"),
    ]),
  ];
}

/** Q4_1 blocks: f16 scale, f16 minimum, 16 bytes of nibbles; weights between −0.03 and 0.03. */
function writeRandomQ4(path: string, numBytes: number): void {
  const { bytesPerBlock } = tensorTypeFacts.Q4_1;
  const piece = Buffer.alloc(bytesPerBlock * 4096);
  const uniform = seededUniform(1);
  for (let block = 0; block < piece.length; block += bytesPerBlock) {
    piece.writeUInt16LE(0x1c00, block);
    piece.writeUInt16LE(0xa780, block + 2);
    for (let byte = 4; byte < bytesPerBlock; byte++) piece[block + byte] = Math.floor(uniform() * 256);
  }
  const file = openSync(path, "wx");
  for (let written = 0; written < numBytes; written += piece.length)
    writeSync(file, piece, 0, Math.min(piece.length, numBytes - written));
  closeSync(file);
}
