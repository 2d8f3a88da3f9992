/**
 * @module Writes a Program one formula at a time. Architectures call it; it owns buffers, weight declarations and checks.
 *
 * Buffers are few, because each costs maxNumBatchedTokens × width × 4 bytes:
 *
 *   hidden      the residual stream
 *   normed      what a norm made of it; later in the half-layer, what attention or the network adds back
 *   qkv         [q | k | v]
 *   attention   the heads' answers
 *   gateUp      [gate | up]
 *   glu         activation(gate) · up
 *   outputHidden, logits   sampled positions only
 */
import type { ActivationBuffer, Operation, Program, RowKind } from "../../../backend/backend.ts";
import { invariant } from "../../../core/errors.ts";
import type { LayerConfig, ModelConfig } from "../../config/model-config.ts";
import { ropeTable } from "./rope-table.ts";
import type { WeightDirectory } from "./weight-directory.ts";

/** One layer as an architecture sees it: its number, its config and the names of its tensors. */
export interface Layer extends LayerConfig {
  readonly layerId: number;
}

export class ProgramBuilder {
  readonly config: ModelConfig;
  readonly #weights: WeightDirectory;
  readonly #buffers: ActivationBuffer[] = [];
  readonly #body: Operation[] = [];
  readonly #layerStarts: number[] = [];
  readonly #head: Operation[] = [];
  /** Where operations go: `head` begins all over at a smaller number of rows. */
  #into: Operation[] = this.#body;
  #layerId: number | null = null;

  constructor(config: ModelConfig, weights: WeightDirectory) {
    this.config = config;
    this.#weights = weights;
  }

  /** The buffer of that name; made when first asked for. */
  buffer(name: string, width: number, rows: RowKind = "tokens"): number {
    const known = this.#buffers.find((buffer) => buffer.name === name);
    if (known !== undefined) {
      invariant(known.width === width && known.rows === rows, () => `buffer ${name} has two shapes`);
      return known.bufferId;
    }
    const bufferId = this.#buffers.length;
    this.#buffers.push({ bufferId, name, rows, width });
    return bufferId;
  }

  get hidden(): number {
    return this.buffer("hidden", this.config.hiddenWidth);
  }

  get normed(): number {
    return this.buffer("normed", this.config.hiddenWidth);
  }

  emit(operation: Operation): void {
    this.#into.push(operation);
  }

  /** Runs `layer` for each layer, marking where it starts. */
  eachLayer(writeLayer: (layer: Layer) => void): void {
    this.config.layers.forEach((layer, layerId) => {
      this.#layerId = layerId;
      this.#layerStarts.push(this.#into.length);
      writeLayer({ ...layer, layerId });
    });
    this.#layerId = null;
  }

  /** hidden = scale · embedding[token] */
  embed(): void {
    const { vocabularyWidth, hiddenWidth, embeddingScale } = this.config;
    const weightId = this.#weights.table(embeddingName, vocabularyWidth, hiddenWidth);
    this.emit({ kind: "embed", weightId, out: this.hidden, scale: embeddingScale });
  }

  /** out = norm(input) · weight of that name, plus 1 where the checkpoint stores norms less 1 (Gemma). */
  rmsNorm(input: number, name: string, out: number): number {
    const { hiddenWidth, normEpsilon } = this.config;
    const weightId = this.#weights.norm(this.#named(name), hiddenWidth, this.#layerId);
    this.emit({ kind: "rmsNorm", input, weightId, out, eps: normEpsilon });
    return out;
  }

  /** In place over numHeads segments of headDim columns, one weight [headDim] for all. */
  headNorm(bufferId: number, offset: number, name: string, numHeads: number, headDim: number): void {
    const weightId = this.#weights.norm(this.#named(name), headDim, this.#layerId);
    const eps = this.config.normEpsilon;
    this.emit({ kind: "headNorm", at: { bufferId, offset }, numHeads, headDim, weightId, eps });
  }

  /** out = input · [W₁; W₂; …]ᵀ (+ biases), the parts beside each other; `addTo` adds `scale` times that instead. */
  linear(options: {
    readonly input: number;
    readonly inputWidth: number;
    readonly parts: readonly LinearPart[];
    readonly out: number;
    readonly addTo?: { readonly scale: number };
  }): number {
    const { input, inputWidth, parts, out, addTo } = options;
    const declared = parts.map((part) => {
      const { numRows, bias, rotatedHeadDim } = part;
      const name = this.#named(part.name);
      const where = { layer: this.#layerId, rotatedHeadDim: rotatedHeadDim ?? null };
      return {
        weightId: this.#weights.matrix(`${name}.weight`, numRows, inputWidth, where),
        biasId: bias ? this.#weights.bias(`${name}.bias`, numRows, where) : null,
      };
    });
    const accumulate = addTo !== undefined;
    this.emit({ kind: "linear", input, parts: declared, out, accumulate, scale: addTo?.scale ?? 1 });
    return out;
  }

  /** hidden += residualScale · input */
  addToHidden(input: number): void {
    this.emit({ kind: "add", input, out: this.hidden, scale: this.config.residualScale });
  }

  /** logits = softcap(logitScale · norm(hidden)·headᵀ), for sampled positions. */
  head(): number {
    const { vocabularyWidth, hiddenWidth, logitScale, finalSoftcap } = this.config;
    this.#into = this.#head;
    const outputs = this.buffer("outputHidden", hiddenWidth, "outputs");
    this.emit({ kind: "gatherOutputs", input: this.hidden, out: outputs });
    this.rmsNorm(outputs, "model.norm.weight", outputs);
    const logits = this.buffer("logits", vocabularyWidth, "outputs");
    // A head that the checkpoint holds is used even if the configuration ties it: tying would replace it.
    const isTied = this.config.tiedEmbeddings && !this.#weights.has(headName);
    const weightId = this.#weights.table(isTied ? embeddingName : headName, vocabularyWidth, hiddenWidth);
    const parts = [{ weightId, biasId: null }];
    this.emit({ kind: "linear", input: outputs, parts, out: logits, accumulate: false, scale: logitScale });
    if (finalSoftcap !== null) this.emit({ kind: "softcap", buffer: logits, cap: finalSoftcap });
    return logits;
  }

  /** Closes the program. Throws PagodaError where the checkpoint holds tensors that nothing used. */
  finish(logits: number, maxModelLen: number): Program {
    const { config } = this;
    this.#weights.refuseLeftOvers();
    return {
      architecture: config.architecture,
      vocabularyWidth: config.vocabularyWidth,
      buffers: this.#buffers,
      weights: this.#weights.declarations,
      ropeTables: config.ropes.map((rope) => ropeTable(rope, config.rotaryDim, maxModelLen)),
      kvLayers: config.layers.map(() => ({
        numKvHeads: config.numKvHeads,
        headDim: config.headDim,
        group: 0,
      })),
      body: this.#body,
      layerStarts: this.#layerStarts,
      head: this.#head,
      logits,
    };
  }

  #named(name: string): string {
    return this.#layerId === null ? name : `model.layers.${this.#layerId}.${name}`;
  }
}

const embeddingName = "model.embed_tokens.weight";
const headName = "lm_head.weight";

/** A slice of a linear layer's outputs. */
export interface LinearPart {
  /** Without `.weight` and `.bias`. */
  readonly name: string;
  readonly numRows: number;
  readonly bias: boolean;
  /** Set for q and k: some checkpoints store their rows permuted within each head of this width. */
  readonly rotatedHeadDim?: number;
}
