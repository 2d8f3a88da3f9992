/**
 * @module A model whose next token is a known function of its whole context, for tests of the engine.
 *
 * It keeps a "KV cache" of one number per slot and computes logits by reading the context back through block tables, so
 * a wrong block, slot, position or copy shows up as wrong text. `expectedGreedy` computes the same text without blocks.
 */
import {
  type BackendLimits,
  type LoadedModel,
  maskWords,
  type ReleasedMemory,
  type StepInputs,
  type StepResults,
} from "../../backend/backend.ts";
import { sampleRow } from "../../backend/testing/index.ts";
import { invariant } from "../../core/errors.ts";
import { blocksOfLength } from "../../core/kv-layout.ts";

export const scriptedVocabulary = 64;
const poison = 0x5bd1e995;

const mix = (a: number, b: number): number => {
  let x = Math.imul(a ^ Math.imul(b + 0x9e37, 0x85ebca6b), 0xc2b2ae35);
  x ^= x >>> 13;
  return Math.imul(x, 0x27d4eb2f) ^ (x >>> 16);
};

/** What the cache holds for one token. */
const keyOf = (tokenId: number, position: number): number => mix(tokenId + 1, position + 1);

/** Logits in [0, 12) from the hash of a context. */
export function scriptedLogits(contextHash: number): Float32Array {
  return Float32Array.from(
    { length: scriptedVocabulary },
    (_, v) => ((mix(contextHash, v) >>> 8) / 2 ** 24) * 12,
  );
}

/** Hash of a whole text. */
export function scriptedHash(tokenIds: ArrayLike<number>, numTokens: number): number {
  let hash = 1;
  for (let p = 0; p < numTokens; p++) hash = mix(hash, keyOf(tokenIds[p] as number, p));
  return hash;
}

export interface ScriptedOptions {
  /** Milliseconds that `step` advances `clock` by; real time is not used. */
  readonly stepMs?: (inputs: StepInputs) => number;
  /** Called before each step is computed; throwing or rejecting is a backend failure. */
  readonly beforeStep?: (inputs: StepInputs) => void | Promise<void>;
  /** Called with the logits that follow a token, before they are sampled. */
  readonly changeLogits?: (logits: Float32Array, tokenId: number) => void;
  readonly maxSeen?: number;
  readonly maxBias?: number;
}

export class ScriptedModel implements LoadedModel {
  readonly kernels = { name: "scripted" };
  readonly sharedPrefixTokens = 512;
  /** A hidden state is the token's id and its position. */
  readonly hiddenWidth = 2;
  readonly allocations = [];
  readonly inputs: StepInputs;
  readonly results: StepResults;
  readonly #limits: BackendLimits;
  readonly #options: ScriptedOptions;
  readonly #cache: Int32Array;
  readonly #logits: Float32Array[] = [];
  nowMs = 0;
  numSteps = 0;
  numTokensComputed = 0;

  constructor(limits: BackendLimits, options: ScriptedOptions = {}) {
    this.#limits = limits;
    this.#options = options;
    this.#cache = new Int32Array(limits.numBlocks * limits.blockSize).fill(poison);
    this.inputs = makeInputs(limits, options);
    this.results = makeResults(limits);
  }

  release(): ReleasedMemory {
    return { releasedBytes: 0, keptBecause: "a test" };
  }

  async restore(): Promise<void> {
    await Promise.resolve();
  }

  readHidden(tokenRow: number, out: Float32Array): void {
    out[0] = this.inputs.tokenIds[tokenRow] as number;
    out[1] = this.inputs.positions[tokenRow] as number;
  }

  async step(writeMasks: () => void = () => undefined): Promise<void> {
    await this.#options.beforeStep?.(this.inputs);
    this.nowMs += this.#options.stepMs?.(this.inputs) ?? 1;
    writeMasks();
    this.numSteps++;
    this.numTokensComputed += this.inputs.numTokens;
    this.#check();
    for (let row = 0; row < this.inputs.numTokens; row++) {
      const slot = this.inputs.slots[row] as number;
      this.#cache[slot] = keyOf(this.inputs.tokenIds[row] as number, this.inputs.positions[row] as number);
    }
    for (let o = 0; o < this.inputs.numOutputs; o++) {
      const row = this.inputs.outputRows[o] as number;
      const logits = scriptedLogits(this.#contextHash(row));
      this.#options.changeLogits?.(logits, this.inputs.tokenIds[row] as number);
      this.#logits[o] = logits;
      sampleRow(logits, o, this.inputs.sampling, this.results);
    }
  }

  copyBlocks(pairs: readonly number[]): void {
    const { blockSize } = this.#limits;
    for (let i = 0; i < pairs.length; i += 2) {
      const from = (pairs[i] as number) * blockSize;
      this.#cache.copyWithin((pairs[i + 1] as number) * blockSize, from, from + blockSize);
    }
  }

  logitsRow(outputRow: number): Float32Array {
    return this.#logits[outputRow] as Float32Array;
  }

  lastStepTiming(): { totalMs: number; kernelMs: number; barrierMs: number } {
    return { totalMs: 0, kernelMs: 0, barrierMs: 0 };
  }

  async close(): Promise<void> {
    this.#logits.length = 0;
  }

  #contextHash(row: number): number {
    const { sliceStarts, positions, blockTables, maxBlocksPerSequence } = this.inputs;
    const { blockSize } = this.#limits;
    let slice = 0;
    while ((sliceStarts[slice + 1] as number) <= row) slice++;
    let hash = 1;
    for (let p = 0; p <= (positions[row] as number); p++) {
      const block = blockTables[slice * maxBlocksPerSequence + Math.floor(p / blockSize)] as number;
      hash = mix(hash, this.#cache[block * blockSize + (p % blockSize)] as number);
    }
    return hash;
  }

  /** The contract of StepInputs, as a backend would rely on it. */
  #check(): void {
    const { inputs } = this;
    invariant(
      inputs.numTokens > 0 && inputs.numTokens <= this.#limits.maxNumBatchedTokens,
      () => "token budget",
    );
    invariant(inputs.numSlices <= this.#limits.maxNumSeqs, () => `${inputs.numSlices} slices`);
    invariant(inputs.sliceStarts[inputs.numSlices] === inputs.numTokens, () => "sliceStarts");
    const slots = new Set(inputs.slots.subarray(0, inputs.numTokens));
    invariant(slots.size === inputs.numTokens, () => "two tokens share a slot");
    for (let o = 1; o < inputs.numOutputs; o++)
      invariant(
        (inputs.outputRows[o] as number) > (inputs.outputRows[o - 1] as number),
        () => "outputs ascend",
      );
    invariant(
      (inputs.sampling.seenStarts[inputs.numOutputs] as number) <= inputs.sampling.seenTokenIds.length,
      () => "seen",
    );
    invariant(
      (inputs.sampling.biasStarts[inputs.numOutputs] as number) <= inputs.sampling.biasTokenIds.length,
      () => "bias",
    );
    this.#checkWriters();
  }

  /** A block that a slice writes into is in no other slice's table. */
  #checkWriters(): void {
    const { inputs } = this;
    const { blockSize } = this.#limits;
    for (let slice = 0; slice < inputs.numSlices; slice++) {
      const first = inputs.sliceStarts[slice] as number;
      for (let row = first; row < (inputs.sliceStarts[slice + 1] as number); row++) {
        const position = inputs.positions[row] as number;
        invariant(
          position === (inputs.positions[first] as number) + row - first,
          () => "positions follow each other",
        );
        const block = this.#tableEntry(slice, Math.floor(position / blockSize));
        invariant(
          inputs.slots[row] === block * blockSize + (position % blockSize),
          () => "slot and table agree",
        );
        for (let other = 0; other < inputs.numSlices; other++)
          invariant(
            other === slice || !this.#reads(other, block),
            () => `block ${block} is written while shared`,
          );
      }
    }
  }

  #tableEntry(slice: number, index: number): number {
    return this.inputs.blockTables[slice * this.inputs.maxBlocksPerSequence + index] as number;
  }

  #reads(slice: number, block: number): boolean {
    const last = (this.inputs.sliceStarts[slice + 1] as number) - 1;
    const numBlocks = Math.floor((this.inputs.positions[last] as number) / this.#limits.blockSize) + 1;
    for (let i = 0; i < numBlocks; i++) if (this.#tableEntry(slice, i) === block) return true;
    return false;
  }
}

function makeInputs(limits: BackendLimits, options: ScriptedOptions): StepInputs {
  const rows = limits.maxNumBatchedTokens;
  const maxBlocksPerSequence = blocksOfLength(limits.maxModelLen, limits.blockSize);
  const maxSeen = options.maxSeen ?? limits.maxNumSeqs * limits.maxModelLen;
  const maxBias = options.maxBias ?? limits.maxNumSeqs * scriptedVocabulary;
  return {
    numTokens: 0,
    numSlices: 0,
    numOutputs: 0,
    tokenIds: new Int32Array(rows),
    positions: new Int32Array(rows),
    slots: new Int32Array(rows),
    sliceStarts: new Int32Array(limits.maxNumSeqs + 1),
    blockTables: new Int32Array(limits.maxNumSeqs * maxBlocksPerSequence),
    maxBlocksPerSequence,
    outputRows: new Int32Array(rows),
    sampling: {
      targetTokenIds: new Int32Array(rows),
      numTopLogprobs: new Int32Array(rows),
      wantsLogprob: new Uint8Array(rows),
      temperature: new Float32Array(rows),
      topK: new Int32Array(rows),
      topP: new Float32Array(rows),
      minP: new Float32Array(rows),
      uniform: new Float64Array(rows),
      repetitionPenalty: new Float32Array(rows),
      frequencyPenalty: new Float32Array(rows),
      presencePenalty: new Float32Array(rows),
      seenStarts: new Int32Array(rows + 1),
      seenTokenIds: new Int32Array(maxSeen),
      seenCounts: new Int32Array(maxSeen),
      biasStarts: new Int32Array(rows + 1),
      biasTokenIds: new Int32Array(maxBias),
      biasValues: new Float32Array(maxBias),
      maskNumbers: new Int32Array(rows),
      masks: new Int32Array(limits.maxNumSeqs * maskWords(scriptedVocabulary)),
    },
  };
}

function makeResults(limits: BackendLimits): StepResults {
  const rows = limits.maxNumBatchedTokens;
  return {
    tokenIds: new Int32Array(rows),
    logprobs: new Float32Array(rows),
    ranks: new Int32Array(rows),
    topTokenIds: new Int32Array(rows * limits.maxLogprobs),
    topLogprobs: new Float32Array(rows * limits.maxLogprobs),
  };
}
