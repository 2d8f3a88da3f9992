/** @module What a model's headers say for a plan: its shape, its longest and its shortest useful sequence. No weight is read. */
import type { Program } from "../backend/backend.ts";
import { PagodaError } from "../core/errors.ts";
import { buildProgram } from "../model/architectures/build-program.ts";
import { parseGgufConfig } from "../model/config/gguf-config.ts";
import { parseHuggingFaceConfig } from "../model/config/huggingface-config.ts";
import type { ModelConfig } from "../model/config/model-config.ts";
import { describedFiles, type LocalModel, loadModelFiles, type ModelFiles } from "../model/model-files.ts";
import type { InstanceSettings } from "./settings.ts";
import { leastUsefulLength, shortChatTokens } from "./useful-length.ts";

type Quantization = InstanceSettings["quantization"]["value"];

/** The planner's `ProgramFacts`, with whole programs for shapes. */
export interface ProgramFacts {
  readonly config: ModelConfig;
  /** The program with its matrices quantized at load, or as they are stored. */
  readonly shapeUnder: (quantization: Quantization) => Program;
  readonly modelMaxLen: number;
  readonly leastUsefulLen: number;
}

/** Of files that were read. Throws PagodaError `model_invalid` or `model_unsupported`. */
export function programFactsOf(
  files: Pick<ModelFiles, "config" | "tensors">,
  leastUsefulLen: number,
): ProgramFacts {
  const config =
    files.config.kind === "hf"
      ? parseHuggingFaceConfig(files.config.json)
      : parseGgufConfig(files.config.metadata, files.tensors);
  const shapeUnder = memoized((quantization: Quantization) =>
    buildProgram(config, files.tensors, { quantization }),
  );
  return { config, shapeUnder, modelMaxLen: config.maxPositions, leastUsefulLen };
}

/** Of a model on this machine, of which the weights may be missing behind their headers, and the tokenizer too. */
export function readProgramFacts(model: LocalModel): ProgramFacts {
  try {
    const files = loadModelFiles(model);
    return programFactsOf(files, leastUsefulLength(files));
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    // Without a tokenizer nothing is known of the chat template's length.
    return programFactsOf(describedFiles(model), shortChatTokens);
  }
}

function memoized<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
