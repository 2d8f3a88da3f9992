/** @module The registry of architectures, and the one function that turns a checkpoint into a Program. */
import type { Program } from "../../backend/backend.ts";
import type { ArchitectureName, ModelConfig } from "../config/model-config.ts";
import type { TensorDirectory } from "../weights/tensor-directory.ts";
import { type Layer, ProgramBuilder } from "./builder/program-builder.ts";
import { type Quantization, WeightDirectory } from "./builder/weight-directory.ts";
import { gemma2Layer } from "./families/gemma2.ts";
import { gemma3Layer } from "./families/gemma3.ts";
import { graniteLayer } from "./families/granite.ts";
import { llamaLayer } from "./families/llama.ts";
import { mistralLayer } from "./families/mistral.ts";
import { olmo2Layer } from "./families/olmo2.ts";
import { phi3Layer } from "./families/phi3.ts";
import { qwen2Layer } from "./families/qwen2.ts";
import { qwen3Layer } from "./families/qwen3.ts";

const layerWriters: Readonly<Record<ArchitectureName, (builder: ProgramBuilder, layer: Layer) => void>> = {
  llama: llamaLayer,
  mistral: mistralLayer,
  qwen2: qwen2Layer,
  qwen3: qwen3Layer,
  phi3: phi3Layer,
  gemma2: gemma2Layer,
  gemma3: gemma3Layer,
  granite: graniteLayer,
  olmo2: olmo2Layer,
};

export interface BuildOptions {
  /** What to do with 16- and 32-bit matrices at load. */
  readonly quantization: Quantization;
  /** Longest sequence of the instance, in tokens; chooses LongRoPE's divisors. Default: the model's own. */
  readonly maxModelLen?: number;
}

/**
 * The forward pass of a checkpoint. Throws PagodaError naming the tensor that is missing (`model_invalid`), of another
 * shape (`model_invalid`) or of no use (`model_unsupported`).
 */
export function buildProgram(config: ModelConfig, tensors: TensorDirectory, options: BuildOptions): Program {
  const builder = new ProgramBuilder(config, new WeightDirectory(config, tensors, options.quantization));
  const writeLayer = layerWriters[config.architecture];
  builder.embed();
  builder.eachLayer((layer) => writeLayer(builder, layer));
  return builder.finish(builder.head(), options.maxModelLen ?? config.maxPositions);
}
