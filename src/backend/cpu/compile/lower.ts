/** @module One operation of a program as kernel jobs. Strides and offsets are bytes; activations are f32 rows. */

import type { WeightDeclaration } from "../../program.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import { widthOf } from "../footprint/rank-shares.ts";
import type { RankedOperation, RankedProgram } from "../footprint/ranked-program.ts";
import { rowsPerPack } from "../footprint/weight-layout.ts";
import { activationCodes, type JobValues, type KernelName, storageCodes } from "../kernels/jobs.ts";
import { BufferAddresses, type RowAddress } from "./buffer-addresses.ts";
import type { HeadPreparation } from "./fused-head-preparation.ts";
import type { JobWriter } from "./job-writer.ts";
import { AttentionLowering } from "./lower-attention.ts";
import type { Job, PhaseKind } from "./phase.ts";
import type { PhaseList } from "./phase-list.ts";

type OperationOf<K extends RankedOperation["kind"]> = Extract<RankedOperation, { readonly kind: K }>;

const matmulKernels = {
  q4: "matmulQ4",
  q8: "matmulQ8",
  f32: "matmulF32",
  f16: "matmulF16",
  bf16: "matmulBf16",
} as const;

/** Lowers operations that run in one arena. */
export class Lowering {
  readonly #addresses: BufferAddresses;
  readonly #arenaId: number;
  readonly #jobs: JobWriter;
  readonly #phases: PhaseList;
  readonly #heads: AttentionLowering;
  /** The buffer whose rows are in the arena's quantized activations now. */
  #quantizedBufferId: number | null = null;

  /** @param groups as `headPreparations` found them */
  constructor(
    context: { readonly program: RankedProgram; readonly limits: CpuLimits; readonly thread: number },
    arenaId: number,
    jobs: JobWriter,
    phases: PhaseList,
    groups: ReadonlyMap<RankedOperation, HeadPreparation>,
  ) {
    this.#addresses = new BufferAddresses(context, jobs.arena(arenaId).layout);
    this.#arenaId = arenaId;
    this.#jobs = jobs;
    this.#phases = phases;
    this.#heads = new AttentionLowering(this.#addresses, arenaId, jobs, phases, groups);
  }

  /** @param quantizesOutput the row that the operation writes is only read in quantized form, so the f32 row is not written */
  lower(operation: RankedOperation, quantizesOutput: boolean): void {
    switch (operation.kind) {
      case "embed":
        this.#embed(operation);
        break;
      case "rmsNorm":
        if (quantizesOutput) this.#normQuantize(operation);
        else this.#rmsNorm(operation);
        break;
      case "headNorm":
        this.#heads.headNorm(operation);
        this.#wrote(operation.at.bufferId);
        break;
      case "linear":
        this.#linear(operation);
        break;
      case "rope":
        this.#heads.rope(operation);
        this.#wrote(operation.at.bufferId);
        break;
      case "storeKv":
        this.#heads.storeKv(operation);
        break;
      case "attention":
        this.#heads.attention(operation);
        this.#wrote(operation.out);
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
    const weight = this.#addresses.weight(weightId);
    const place = this.#addresses.buffer(out);
    this.#rows("embed", "embed", place, true, {
      tokenIds: this.#addresses.input("tokenIds"),
      weights: this.#addresses.weightOffset(weightId),
      storage: storageCodes[weight.storage],
      width: weight.numCols,
      out: place.offset,
      outStride: place.strideBytes,
      scale,
    });
    this.#wrote(out);
  }

  #rmsNorm({ input, weightId, out, eps }: OperationOf<"rmsNorm">): void {
    const from = this.#addresses.buffer(input);
    const weight = this.#addresses.weightOffset(weightId);
    const values = { ...this.#rowValues(from, this.#addresses.buffer(out), from.width), weight, eps };
    this.#rows("rows", "rmsNorm", from, input !== out, values);
    this.#wrote(out);
  }

  #normQuantize({ input, weightId, out, eps }: OperationOf<"rmsNorm">): void {
    const from = this.#addresses.buffer(input);
    const values = {
      ...this.#quantizeValues(from, from.width),
      weight: this.#addresses.weightOffset(weightId),
      eps,
    };
    this.#rows("rows", "normQuantize", from, true, values);
    this.#quantizedBufferId = out;
  }

  #glu({ input, out, activation }: OperationOf<"glu">): void {
    const [from, to] = [this.#addresses.buffer(input), this.#addresses.buffer(out)];
    const values = { ...this.#rowValues(from, to, to.width), activation: activationCodes[activation] };
    this.#rows("rows", "glu", from, true, values);
    this.#wrote(out);
  }

  #gluQuantize({ input, out, activation }: OperationOf<"glu">): void {
    const from = this.#addresses.buffer(input);
    const width = this.#addresses.buffer(out).width;
    const values = { ...this.#quantizeValues(from, width), activation: activationCodes[activation] };
    this.#rows("rows", "gluQuantize", from, true, values);
    this.#quantizedBufferId = out;
  }

  #add({ input, out, scale }: OperationOf<"add">): void {
    const [from, to] = [this.#addresses.buffer(input), this.#addresses.buffer(out)];
    this.#rows("rows", "add", to, false, { ...this.#rowValues(from, to, to.width), scale });
    this.#wrote(out);
  }

  #gatherOutputs({ input, out }: OperationOf<"gatherOutputs">): void {
    const [from, to] = [this.#addresses.buffer(input), this.#addresses.buffer(out)];
    const rowIds = this.#addresses.input("outputRows");
    const job = this.#rows("rows", "gatherRows", to, true, {
      ...this.#rowValues(from, to, to.width),
      rowIds,
    });
    this.#jobs.patch(job, "gatherRows", "rowIds", "outputRowIds", rowIds);
    this.#wrote(out);
  }

  #softcap({ buffer, cap }: OperationOf<"softcap">): void {
    const place = this.#addresses.buffer(buffer);
    const values = { at: place.offset, stride: place.strideBytes, width: place.width, cap };
    this.#rows("rows", "softcap", place, false, values);
    this.#wrote(buffer);
  }

  #linear({ input, parts, out, accumulate, scale }: OperationOf<"linear">): void {
    const from = this.#addresses.buffer(input);
    const to = this.#addresses.buffer(out);
    const storages = parts.map(({ weightId }) => this.#addresses.weight(weightId).storage);
    if (storages.some(isQuantized)) this.#quantize(input, from);
    let nextColumn = 0;
    const jobs = parts.map((part) => {
      const { storage, numRows, numCols } = this.#addresses.weight(part.weightId);
      const rows = part.rows ?? { first: 0, end: numRows };
      const { biasId, outColumn = nextColumn } = part;
      const kernelName = matmulKernels[storage];
      const job = this.#jobs.write(
        this.#arenaId,
        kernelName,
        {
          input: isQuantized(storage) ? this.#addresses.layout.quantized : from.offset,
          inputStride: from.strideBytes,
          numTokens: 0,
          weights: this.#addresses.rowsOffset(part.weightId, rows.first),
          numRows: widthOf(rows),
          numCols,
          out: to.offset + 4 * outColumn,
          outStride: to.strideBytes,
          bias: biasId === null ? 0 : this.#addresses.weightOffset(biasId),
          scale,
          accumulate: accumulate ? 1 : 0,
        },
        Math.ceil(widthOf(rows) / rowsPerPack),
      );
      this.#jobs.patch(job, kernelName, "numTokens", numRowsOf(from.split));
      nextColumn = outColumn + widthOf(rows);
      return job;
    });
    const unitMacs = rowsPerPack * from.width;
    const ranks = parts.map(({ rank = 0 }) => rank);
    this.#phases.add({ kind: matmulKind(storages), split: "rowPacks", jobs, ranks, unitMacs });
    this.#wrote(out);
  }

  /** Quantizes the rows of a buffer unless they are quantized already. */
  #quantize(bufferId: number, from: RowAddress): void {
    if (this.#quantizedBufferId === bufferId) return;
    this.#rows("rows", "quantizeRows", from, true, this.#quantizeValues(from, from.width));
    this.#quantizedBufferId = bufferId;
  }

  #rows<K extends KernelName>(
    kind: PhaseKind,
    kernelName: K,
    place: RowAddress,
    isRepeatable: boolean,
    values: JobValues<K>,
  ): Job {
    const job = this.#jobs.write(this.#arenaId, kernelName, values);
    this.#phases.addRows(kind, place.split, job, isRepeatable);
    return job;
  }

  #rowValues(from: RowAddress, to: RowAddress, width: number): JobValues<"gatherRows"> {
    return {
      input: from.offset,
      inputStride: from.strideBytes,
      out: to.offset,
      outStride: to.strideBytes,
      width,
      rowIds: 0,
    };
  }

  #quantizeValues(from: RowAddress, width: number): JobValues<"quantizeRows"> {
    return {
      input: from.offset,
      inputStride: from.strideBytes,
      out: this.#addresses.layout.quantized,
      width,
    };
  }

  #wrote(bufferId: number): void {
    if (this.#quantizedBufferId === bufferId) this.#quantizedBufferId = null;
  }
}

function isQuantized(storage: WeightDeclaration["storage"]): boolean {
  return storage === "q4" || storage === "q8";
}

function numRowsOf(split: RowAddress["split"]): "numTokens" | "numOutputs" {
  return split === "tokenRows" ? "numTokens" : "numOutputs";
}

function matmulKind(storages: readonly WeightDeclaration["storage"][]): PhaseKind {
  if (storages.every((storage) => storage === "q4")) return "matmulQ4";
  return storages.every(isQuantized) ? "matmulQ8" : "matmulFloat";
}
