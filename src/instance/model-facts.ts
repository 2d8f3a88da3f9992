/** @module What a model's files say of it, for lists of models. */
import type { ModelFacts } from "../core/generation.ts";
import type { TensorType } from "../core/tensor-type.ts";
import type { ModelFiles } from "../model/model-files.ts";
import { programFactsOf } from "./program-facts.ts";

export function modelFactsOf(files: ModelFiles): ModelFacts {
  const { config } = programFactsOf(files, 1);
  const numbersByType = new Map<TensorType, number>();
  let tensorBytes = 0;
  for (const { shape, type, numBytes } of files.tensors.values()) {
    const numNumbers = shape.reduce((product, size) => product * size, 1);
    numbersByType.set(type, (numbersByType.get(type) ?? 0) + numNumbers);
    tensorBytes += numBytes;
  }
  const byShare = [...numbersByType].sort(([, a], [, b]) => b - a);
  return {
    architecture: config.architecture,
    fileFormat: files.kind === "gguf" ? "gguf" : "safetensors",
    encoding: byShare[0]?.[0] ?? "F32",
    numParameters: byShare.reduce((sum, [, numNumbers]) => sum + numNumbers, 0),
    tensorBytes,
    hiddenWidth: config.hiddenWidth,
    numLayers: config.numLayers,
    trainedLength: config.maxPositions,
  };
}
