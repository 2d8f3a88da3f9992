/** @module One operation of a program as kernel jobs. Strides and offsets are bytes; activations are f32 rows. */
import { invariant } from "../../core/errors.ts";
import { rowsPerOctet } from "../../core/weight-layout.ts";
import type { BackendLimits } from "../backend.ts";
import type { Columns, Operation, Program, WeightDeclaration } from "../program.ts";
import type { JobWriter } from "./job-writer.ts";
import { activationCodes, type JobValues, type KernelName, storageCodes } from "./jobs.ts";
import type { ArenaLayout } from "./layout.ts";
import type { Job, PhaseKind } from "./phase.ts";
import type { PhaseList } from "./phase-list.ts";

type OperationOf<K extends Operation["kind"]> = Extract<Operation, { readonly kind: K }>;

const matmulKernels = {
  q4: "matmulQ4",
  q8: "matmulQ8",
  f32: "matmulF32",
  f16: "matmulF16",
  bf16: "matmulBf16",
} as const;
const storeKvKernels = { f16: "storeKvF16", int8: "storeKvInt8", int4: "storeKvInt4" } as const;
const attentionKernels = { f16: "attentionF16", int8: "attentionInt8", int4: "attentionInt4" } as const;

interface Place {
  readonly offset: number;
  readonly strideBytes: number;
  readonly width: number;
  readonly split: "tokenRows" | "outputRows";
}

/** Lowers operations that run in one arena. */
export class Lowering {
  readonly #program: Program;
  readonly #limits: BackendLimits;
  readonly #thread: number;
  readonly #arenaId: number;
  readonly #jobs: JobWriter;
  readonly #phases: PhaseList;
  /** The buffer whose rows the arena's quantised activations are made of. */
  #quantizedBufferId: number | null = null;

  constructor(
    context: { readonly program: Program; readonly limits: BackendLimits; readonly thread: number },
    arenaId: number,
    jobs: JobWriter,
    phases: PhaseList,
  ) {
    this.#program = context.program;
    this.#limits = context.limits;
    this.#thread = context.thread;
    this.#arenaId = arenaId;
    this.#jobs = jobs;
    this.#phases = phases;
  }

  /** `quantizesOutput`: the f32 row that the operation would write is read in quantised form only. */
  lower(operation: Operation, quantizesOutput: boolean): void {
    switch (operation.kind) {
      case "embed":
        this.#embed(operation);
        break;
      case "rmsNorm":
        if (quantizesOutput) this.#normQuantize(operation);
        else this.#rmsNorm(operation);
        break;
      case "headNorm":
        this.#headNorm(operation);
        break;
      case "linear":
        this.#linear(operation);
        break;
      case "rope":
        this.#rope(operation);
        break;
      case "storeKv":
        this.#storeKv(operation);
        break;
      case "attention":
        this.#attention(operation);
        break;
      case "glu":
        if (quantizesOutput) this.#gluQuantize(operation);
        else this.#glu(operation);
        break;
      case "add":
        this.#add(operation);
        break;
      case "gatherOutputs":
        this.#gatherOutputs(operation);
        break;
      case "softcap":
        this.#softcap(operation);
        break;
    }
  }

  #embed({ weightId, out, scale }: OperationOf<"embed">): void {
    const weight = this.#weight(weightId);
    const place = this.#place(out);
    this.#rows("embed", "embed", place, true, {
      tokenIds: this.#input("tokenIds"),
      weights: this.#weightOffset(weightId),
      storage: storageCodes[weight.storage],
      width: weight.numCols,
      out: place.offset,
      outStride: place.strideBytes,
      scale,
    });
    this.#wrote(out);
  }

  #rmsNorm({ input, weightId, out, eps }: OperationOf<"rmsNorm">): void {
    const from = this.#place(input);
    const weight = this.#weightOffset(weightId);
    const values = { ...this.#rowValues(from, this.#place(out), from.width), weight, eps };
    this.#rows("rows", "rmsNorm", from, input !== out, values);
    this.#wrote(out);
  }

  #normQuantize({ input, weightId, out, eps }: OperationOf<"rmsNorm">): void {
    const from = this.#place(input);
    const values = { ...this.#quantizeValues(from, from.width), weight: this.#weightOffset(weightId), eps };
    this.#rows("rows", "normQuantize", from, true, values);
    this.#quantizedBufferId = out;
  }

  #headNorm({ at, numHeads, headDim, weightId, eps }: OperationOf<"headNorm">): void {
    const place = this.#columns(at);
    this.#rows("rows", "headNorm", place, false, {
      at: place.offset,
      stride: place.strideBytes,
      numHeads,
      headDim,
      weight: this.#weightOffset(weightId),
      eps,
    });
    this.#wrote(at.bufferId);
  }

  #rope({ at, numHeads, headDim, rotaryDim, ropeId }: OperationOf<"rope">): void {
    const place = this.#columns(at);
    this.#rows("rows", "rope", place, false, {
      at: place.offset,
      stride: place.strideBytes,
      numHeads,
      headDim,
      rotaryDim,
      table: known(this.#layout.ropeTables[ropeId], `rope table ${ropeId}`),
      positions: this.#input("positions"),
    });
    this.#wrote(at.bufferId);
  }

  #glu({ input, out, activation }: OperationOf<"glu">): void {
    const [from, to] = [this.#place(input), this.#place(out)];
    const values = { ...this.#rowValues(from, to, to.width), activation: activationCodes[activation] };
    this.#rows("rows", "glu", from, true, values);
    this.#wrote(out);
  }

  #gluQuantize({ input, out, activation }: OperationOf<"glu">): void {
    const from = this.#place(input);
    const width = this.#place(out).width;
    const values = { ...this.#quantizeValues(from, width), activation: activationCodes[activation] };
    this.#rows("rows", "gluQuantize", from, true, values);
    this.#quantizedBufferId = out;
  }

  #add({ input, out, scale }: OperationOf<"add">): void {
    const [from, to] = [this.#place(input), this.#place(out)];
    this.#rows("rows", "add", to, false, { ...this.#rowValues(from, to, to.width), scale });
    this.#wrote(out);
  }

  #gatherOutputs({ input, out }: OperationOf<"gatherOutputs">): void {
    const [from, to] = [this.#place(input), this.#place(out)];
    const rowIds = this.#input("outputRows");
    const job = this.#rows("rows", "gatherRows", to, true, {
      ...this.#rowValues(from, to, to.width),
      rowIds,
    });
    this.#jobs.patch(job, "gatherRows", "rowIds", "outputRowIds", rowIds);
    this.#wrote(out);
  }

  #softcap({ buffer, cap }: OperationOf<"softcap">): void {
    const place = this.#place(buffer);
    const values = { at: place.offset, stride: place.strideBytes, width: place.width, cap };
    this.#rows("rows", "softcap", place, false, values);
    this.#wrote(buffer);
  }

  #linear({ input, parts, out, accumulate, scale }: OperationOf<"linear">): void {
    const from = this.#place(input);
    const to = this.#place(out);
    const storages = parts.map(({ weightId }) => this.#weight(weightId).storage);
    if (storages.some(isQuantized)) this.#quantize(input, from);
    let outOffset = to.offset;
    const jobs = parts.map(({ weightId, biasId }) => {
      const { storage, numRows, numCols } = this.#weight(weightId);
      const kernelName = matmulKernels[storage];
      const job = this.#jobs.write(
        this.#arenaId,
        kernelName,
        {
          input: isQuantized(storage) ? this.#layout.quantized : from.offset,
          inputStride: from.strideBytes,
          numTokens: 0,
          weights: this.#weightOffset(weightId),
          numRows,
          numCols,
          out: outOffset,
          outStride: to.strideBytes,
          bias: biasId === null ? 0 : this.#weightOffset(biasId),
          scale,
          accumulate: accumulate ? 1 : 0,
        },
        Math.ceil(numRows / rowsPerOctet),
      );
      this.#jobs.patch(job, kernelName, "numTokens", numRowsOf(from.split));
      outOffset += 4 * numRows;
      return job;
    });
    const unitMacs = rowsPerOctet * from.width;
    this.#phases.add({ kind: matmulKind(storages), split: "octets", jobs, unitMacs });
    this.#wrote(out);
  }

  /** Quantises the rows of a buffer unless they already are. */
  #quantize(bufferId: number, from: Place): void {
    if (this.#quantizedBufferId === bufferId) return;
    this.#rows("rows", "quantizeRows", from, true, this.#quantizeValues(from, from.width));
    this.#quantizedBufferId = bufferId;
  }

  #storeKv({ key, value, kvLayer }: OperationOf<"storeKv">): void {
    const { numKvHeads, headDim } = known(this.#program.kvLayers[kvLayer], `KV layer ${kvLayer}`);
    const [keys, values] = [this.#columns(key), this.#columns(value)];
    const kernelName = storeKvKernels[this.#limits.kvDtype];
    const job = this.#jobs.write(
      this.#arenaId,
      kernelName,
      {
        key: keys.offset,
        keyStride: keys.strideBytes,
        value: values.offset,
        valueStride: values.strideBytes,
        numTokens: 0,
        slots: this.#input("slots"),
        kv: this.#kvOffset(kvLayer),
        numKvHeads,
        headDim,
        scratch: this.#scratch,
      },
      numKvHeads,
    );
    this.#jobs.patch(job, kernelName, "numTokens", "numTokens");
    this.#phases.add({ kind: "storeKv", split: "kvHeads", jobs: [job] });
  }

  #attention(operation: OperationOf<"attention">): void {
    const { kvLayer, numHeads, scale, softcap, window } = operation;
    const { numKvHeads, headDim } = known(this.#program.kvLayers[kvLayer], `KV layer ${kvLayer}`);
    const [query, to] = [this.#columns(operation.query), this.#place(operation.out)];
    const shared = {
      out: to.offset,
      outStride: to.strideBytes,
      numKvHeads,
      headDim,
      queryHeadsPerKvHead: numHeads / numKvHeads,
      partials: this.#layout.partials,
    };
    const kernelName = attentionKernels[this.#limits.kvDtype];
    const values: JobValues<typeof kernelName> = {
      ...shared,
      query: query.offset,
      queryStride: query.strideBytes,
      kv: this.#kvOffset(kvLayer),
      scale,
      softcap: softcap ?? 0,
      window: window ?? 0,
      blockSize: this.#limits.blockSize,
      blockTables: this.#input("blockTables"),
      maxBlocksPerSequence: Math.ceil(this.#limits.maxModelLen / this.#limits.blockSize),
      positions: this.#input("positions"),
      items: this.#layout.attentionItems,
      scratch: this.#scratch,
    };
    const job = this.#jobs.write(this.#arenaId, kernelName, values, numKvHeads);
    this.#phases.add({ kind: "attention", split: "attentionUnits", jobs: [job] });
    const rotated = this.#limits.kvDtype === "int4" ? 1 : 0;
    const mergeValues = { ...shared, items: this.#layout.mergeItems, rotated };
    const merge = this.#jobs.write(this.#arenaId, "attentionMerge", mergeValues, numKvHeads);
    this.#phases.add({ kind: "attention", split: "mergeUnits", jobs: [merge] });
    this.#wrote(operation.out);
  }

  #rows<K extends KernelName>(
    kind: PhaseKind,
    kernelName: K,
    place: Place,
    isRepeatable: boolean,
    values: JobValues<K>,
  ): Job {
    const job = this.#jobs.write(this.#arenaId, kernelName, values);
    this.#phases.addRows(kind, place.split, job, isRepeatable);
    return job;
  }

  #rowValues(from: Place, to: Place, width: number): JobValues<"gatherRows"> {
    return {
      input: from.offset,
      inputStride: from.strideBytes,
      out: to.offset,
      outStride: to.strideBytes,
      width,
      rowIds: 0,
    };
  }

  #quantizeValues(from: Place, width: number): JobValues<"quantizeRows"> {
    return { input: from.offset, inputStride: from.strideBytes, out: this.#layout.quantized, width };
  }

  #wrote(bufferId: number): void {
    if (this.#quantizedBufferId === bufferId) this.#quantizedBufferId = null;
  }

  get #layout(): ArenaLayout {
    return this.#jobs.arena(this.#arenaId).layout;
  }

  get #scratch(): number {
    return known(this.#layout.scratch[this.#thread], `scratch of thread ${this.#thread}`);
  }

  #place(bufferId: number): Place {
    const { width, rows } = known(this.#program.buffers[bufferId], `buffer ${bufferId}`);
    const offset = known(this.#layout.buffers.get(bufferId), `place of buffer ${bufferId}`);
    return { offset, strideBytes: 4 * width, width, split: rows === "tokens" ? "tokenRows" : "outputRows" };
  }

  #columns({ bufferId, offset }: Columns): Place {
    const place = this.#place(bufferId);
    return { ...place, offset: place.offset + 4 * offset };
  }

  #weight(weightId: number): WeightDeclaration {
    return known(this.#program.weights[weightId], `weight ${weightId}`);
  }

  #weightOffset(weightId: number): number {
    return known(this.#layout.weights.get(weightId), `${this.#weight(weightId).name} in this arena`);
  }

  #kvOffset(kvLayer: number): number {
    return known(this.#layout.kvLayers.get(kvLayer), `KV layer ${kvLayer} in this arena`);
  }

  #input(name: string): number {
    return known(this.#layout.inputs.get(name), `input ${name} in this arena`);
  }
}

function known<T>(value: T | undefined, what: string): T {
  invariant(value !== undefined, () => `there is no ${what}`);
  return value;
}

function isQuantized(storage: WeightDeclaration["storage"]): boolean {
  return storage === "q4" || storage === "q8";
}

function numRowsOf(split: Place["split"]): "numTokens" | "numOutputs" {
  return split === "tokenRows" ? "numTokens" : "numOutputs";
}

function matmulKind(storages: readonly WeightDeclaration["storage"][]): PhaseKind {
  if (storages.every((storage) => storage === "q4")) return "matmulQ4";
  return storages.every(isQuantized) ? "matmulQ8" : "matmulFloat";
}
