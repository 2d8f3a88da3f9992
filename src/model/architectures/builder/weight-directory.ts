/** @module Looks up a checkpoint's tensors by name for one program: shapes are checked, every tensor must be used. */
import {
  isTranscoded,
  storageOf,
  type WeightDeclaration,
  type WeightOrigin,
} from "../../../backend/backend.ts";

import { PagodaError } from "../../../core/errors.ts";
import { groupWidth, type WeightStorage } from "../../../core/weight-storage.ts";
import type { ModelConfig } from "../../config/model-config.ts";
import { readFloats } from "../../weights/read-floats.ts";
import type { StoredTensor, TensorDirectory } from "../../weights/tensor-directory.ts";
import { canonicalNames, isIgnorable, storedName } from "./name-map.ts";

/** What to do with 16- and 32-bit matrices at load; null: keep them. */
export type Quantization = "int4" | "int8" | null;

/** Architectures whose GGUF converter permutes the rows of q and k for interleaved rotary embedding. */
const permutedInGguf: ReadonlySet<string> = new Set(["llama", "mistral", "granite"]);
/** Architectures that store norms less 1 in Hugging Face folders (GGUF converters have added it). */
const normsLessOne: ReadonlySet<string> = new Set(["gemma2", "gemma3"]);

/** Vectors are f32 in memory; no converter stores them in blocks, and the loaders do not read such. */
function vectorStorage(tensor: StoredTensor): WeightStorage {
  if (tensor.type === "F32" || tensor.type === "F16" || tensor.type === "BF16") return "f32";
  throw new PagodaError(
    "model_unsupported",
    `Tensor ${tensor.name} is a vector stored as ${tensor.type}; F32, F16 and BF16 are read.`,
    { hint: "Convert the model again with a current llama.cpp, which keeps norms and biases in F32." },
  );
}

interface Place {
  readonly layer: number | null;
  readonly rotatedHeadDim: number | null;
}

export class WeightDirectory {
  readonly #config: ModelConfig;
  readonly #quantization: Quantization;
  /** By canonical (Hugging Face) name. */
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #declarations: WeightDeclaration[] = [];
  /** Canonical name → weightId; a tied embedding is declared once and used twice. */
  readonly #declared = new Map<string, number>();
  /** Canonical names of the factors that have been read. */
  readonly #factors = new Set<string>();

  constructor(config: ModelConfig, tensors: TensorDirectory, quantization: Quantization) {
    this.#config = config;
    this.#quantization = quantization;
    this.#tensors = canonicalNames(config, tensors);
  }

  get declarations(): readonly WeightDeclaration[] {
    return this.#declarations;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Embedding or head [vocabulary, hidden]: int4 keeps them at 8 bits, since they decide every token. */
  table(name: string, numRows: number, numCols: number): number {
    const place = { layer: null, rotatedHeadDim: null };
    return this.#declare(name, [numRows, numCols], place, (tensor) =>
      this.#matrixStorage(tensor, numCols, this.#quantization === null ? null : "int8"),
    );
  }

  matrix(name: string, numRows: number, numCols: number, place: Place): number {
    return this.#declare(name, [numRows, numCols], place, (tensor) =>
      this.#matrixStorage(tensor, numCols, this.#quantization),
    );
  }

  bias(name: string, width: number, place: Place): number {
    return this.#declare(name, [width], place, vectorStorage);
  }

  norm(name: string, width: number, layer: number | null): number {
    const addOne = this.#config.checkpoint === "huggingface" && normsLessOne.has(this.#config.architecture);
    return this.#declare(name, [width], { layer, rotatedHeadDim: null }, vectorStorage, addOne);
  }

  /** Throws PagodaError naming the first tensor that the program does not use and that is not known to be harmless. */
  refuseLeftOvers(): void {
    const leftOver = [...this.#tensors.keys()].filter(
      (name) => !this.#declared.has(name) && !this.#factors.has(name) && !isIgnorable(name, this.#config),
    );
    const [first] = leftOver;
    if (first === undefined) return;
    const more = leftOver.length > 1 ? ` and ${leftOver.length - 1} more` : "";
    const stored = this.#tensors.get(first)?.name ?? first;
    throw new PagodaError(
      "model_unsupported",
      `The checkpoint holds the tensor ${stored}${more}, which ${this.#config.architecture} has no use for.`,
      {
        hint: "Leaving it out would change the arithmetic; check that model_type names the right architecture.",
      },
    );
  }

  #matrixStorage(tensor: StoredTensor, numCols: number, quantization: Quantization): WeightStorage {
    const asStored = storageOf(tensor.type);
    if (quantization === null || asStored === "q4" || asStored === "q8") return asStored;
    if (numCols % groupWidth !== 0) return asStored;
    return quantization === "int4" ? "q4" : "q8";
  }

  #declare(
    name: string,
    shape: readonly number[],
    place: Place,
    storageFor: (tensor: StoredTensor) => WeightStorage,
    addOne = false,
  ): number {
    const known = this.#declared.get(name);
    if (known !== undefined) return known;
    const tensor = this.#find(name, shape);
    const [numRows, numCols] = shape.length === 2 ? shape : [1, shape[0]];
    const weightId = this.#declarations.length;
    this.#declarations.push({
      weightId,
      name: tensor.name,
      role: shape.length === 2 ? "matrix" : "vector",
      numRows: numRows ?? 1,
      numCols: numCols ?? 1,
      storage: storageFor(tensor),
      layer: place.layer,
      origin: { ...this.#origin(tensor, place.rotatedHeadDim, addOne), ...this.#factorOf(name, tensor) },
    });
    this.#declared.set(name, weightId);
    return weightId;
  }

  #find(name: string, shape: readonly number[]): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined)
      throw new PagodaError(
        "model_invalid",
        `The checkpoint has no tensor ${storedName(name, this.#config)}, which ${this.#config.architecture} needs.`,
        { hint: "A weight file is missing, or the configuration belongs to another checkpoint." },
      );
    if (tensor.shape.length === shape.length && tensor.shape.every((width, i) => width === shape[i]))
      return tensor;
    throw new PagodaError(
      "model_invalid",
      `Tensor ${tensor.name} has shape [${tensor.shape.join(", ")}]; the configuration asks for [${shape.join(", ")}].`,
      { hint: "The configuration and the weights belong to different checkpoints." },
    );
  }

  /** NVFP4 files keep one number for a whole matrix beside it, as `….scale`. */
  #factorOf(name: string, tensor: StoredTensor): { readonly factor?: number } {
    const factorName = name.replace(/\.weight$/, ".scale");
    const stored = name === factorName ? undefined : this.#tensors.get(factorName);
    if (stored === undefined) return {};
    if (!isTranscoded(tensor.type))
      throw new PagodaError(
        "model_unsupported",
        `The tensor ${tensor.name} of type ${tensor.type} has a factor (${stored.name}); only NVFP4 and its like may have one.`,
        { hint: "Use a file whose scales are inside the tensor's own blocks." },
      );
    this.#factors.add(factorName);
    return { factor: readFloats(stored, 1)[0] ?? 1 };
  }

  #origin(tensor: StoredTensor, rotatedHeadDim: number | null, addOne: boolean): WeightOrigin {
    const { path, byteOffset, numBytes, type } = tensor;
    const permuted = this.#config.checkpoint === "gguf" && permutedInGguf.has(this.#config.architecture);
    return {
      path,
      byteOffset,
      numBytes,
      type,
      ...(permuted && rotatedHeadDim !== null ? { interleavedHeads: { headDim: rotatedHeadDim } } : {}),
      ...(addOne ? { addOne } : {}),
    };
  }
}
