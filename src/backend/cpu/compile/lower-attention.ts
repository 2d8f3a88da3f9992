/**
 * @module The operations on heads as kernel jobs, in two forms.
 *
 * For steps of any shape there is a phase for each: norms and rotations by token rows, then keys and values into the cache by KV
 * heads, then attention by work items and KV heads. Where each sequence has one row in the step, the attention phase does all of
 * it: the thread that takes an item and a KV head prepares them first (`headPreparations`).
 */
import { blocksPerSequence } from "../../step-layout.ts";
import { type HeadShare, widthOf } from "../footprint/rank-shares.ts";
import type { RankedOperation } from "../footprint/ranked-program.ts";
import type { JobValues } from "../kernels/jobs.ts";
import type { BufferAddresses } from "./buffer-addresses.ts";
import type { HeadPreparation, OperationOf } from "./fused-head-preparation.ts";
import type { JobWriter } from "./job-writer.ts";
import type { Job } from "./phase.ts";
import type { PhaseList } from "./phase-list.ts";

const storeKvKernels = { f16: "storeKvF16", int8: "storeKvInt8", int4: "storeKvInt4" } as const;
const prepareKernels = {
  f16: "prepareHeadsF16",
  int8: "prepareHeadsInt8",
  int4: "prepareHeadsInt4",
} as const;
const attentionKernels = { f16: "attentionF16", int8: "attentionInt8", int4: "attentionInt4" } as const;

/** Lowers operations that run in one arena. */
export class AttentionLowering {
  readonly #addresses: BufferAddresses;
  readonly #arenaId: number;
  readonly #jobs: JobWriter;
  readonly #phases: PhaseList;
  readonly #preparations: ReadonlyMap<RankedOperation, HeadPreparation>;

  constructor(
    addresses: BufferAddresses,
    arenaId: number,
    jobs: JobWriter,
    phases: PhaseList,
    groups: ReadonlyMap<RankedOperation, HeadPreparation>,
  ) {
    this.#addresses = addresses;
    this.#arenaId = arenaId;
    this.#jobs = jobs;
    this.#phases = phases;
    this.#preparations = groups;
  }

  headNorm(operation: OperationOf<"headNorm">): void {
    const { at, numHeads, headDim, weightId, eps } = operation;
    const { offset, strideBytes, split } = this.#addresses.columns(at);
    const job = this.#jobs.write(this.#arenaId, "headNorm", {
      at: offset,
      stride: strideBytes,
      numHeads,
      headDim,
      weight: this.#addresses.weightOffset(weightId),
      eps,
    });
    this.#phases.addRows("rows", split, job, false, this.#preparations.has(operation));
  }

  rope(operation: OperationOf<"rope">): void {
    const { at, numHeads, headDim, rotaryDim, ropeId } = operation;
    const { offset, strideBytes, split } = this.#addresses.columns(at);
    const job = this.#jobs.write(this.#arenaId, "rope", {
      at: offset,
      stride: strideBytes,
      numHeads,
      headDim,
      rotaryDim,
      table: this.#addresses.ropeTable(ropeId),
      positions: this.#addresses.input("positions"),
    });
    this.#phases.addRows("rows", split, job, false, this.#preparations.has(operation));
  }

  /** One job for each rank, of its KV heads. */
  storeKv(operation: OperationOf<"storeKv">): void {
    const kernelName = storeKvKernels[this.#addresses.limits.kvDtype];
    const shares = this.#shares(operation.ranks, operation.kvLayer, null);
    const jobs = shares.map((share, rank) => {
      const values = this.#storeKvValues(operation, share, rank);
      const job = this.#jobs.write(this.#arenaId, kernelName, values, values.numKvHeads);
      this.#jobs.patch(job, kernelName, "numTokens", "numTokens");
      return job;
    });
    const group = this.#preparations.get(operation);
    const prepares = group === undefined ? [] : this.#prepareHeads(group);
    const ranks = shares.map((_, rank) => rank);
    this.#phases.add({ kind: "storeKv", split: "kvHeads", jobs, ranks, prepares });
  }

  attention(operation: OperationOf<"attention">): void {
    const { kvLayer, numHeads } = operation;
    const shares = this.#shares(operation.ranks, kvLayer, numHeads);
    const ranks = shares.map((_, rank) => rank);
    const jobs = shares.map((share, rank) => this.#attend(operation, share, rank));
    const prepares = this.#preparations.has(operation) ? (this.#phases.phases.at(-1)?.prepares ?? []) : [];
    this.#phases.add({ kind: "attention", split: "attentionUnits", jobs, ranks, prepares });
    const merges = shares.map((share, rank) => this.#merge(operation, share, rank));
    this.#phases.add({ kind: "attention", split: "mergeUnits", jobs: merges, ranks });
  }

  #attend(operation: OperationOf<"attention">, share: HeadShare, rank: number): Job {
    const { kvLayer, scale, softcap, window } = operation;
    const { limits, layout } = this.#addresses;
    const query = this.#addresses.columns(operation.query);
    const values: JobValues<"attentionF16"> = {
      ...this.#attentionValues(operation, share, rank),
      query: query.offset + this.#headBytes(kvLayer) * share.query.first,
      queryStride: query.strideBytes,
      kv: this.#addresses.kvOffset(kvLayer, rank),
      scale,
      softcap: softcap ?? 0,
      window: window ?? 0,
      blockSize: limits.blockSize,
      blockTables: this.#addresses.input("blockTables"),
      maxBlocksPerSequence: blocksPerSequence(limits),
      positions: this.#addresses.input("positions"),
      items: layout.attentionItems,
      scratch: this.#addresses.scratch,
    };
    return this.#jobs.write(this.#arenaId, attentionKernels[limits.kvDtype], values, values.numKvHeads);
  }

  #merge(operation: OperationOf<"attention">, share: HeadShare, rank: number): Job {
    const { limits, layout } = this.#addresses;
    const values = {
      ...this.#attentionValues(operation, share, rank),
      items: layout.mergeItems,
      rotated: limits.kvDtype === "int4" ? 1 : 0,
    };
    return this.#jobs.write(this.#arenaId, "attentionMerge", values, values.numKvHeads);
  }

  #attentionValues({ out, kvLayer }: OperationOf<"attention">, share: HeadShare, rank: number) {
    const to = this.#addresses.buffer(out);
    return {
      out: to.offset + this.#headBytes(kvLayer) * share.query.first,
      outStride: to.strideBytes,
      numKvHeads: widthOf(share.kv),
      headDim: this.#addresses.kvLayer(kvLayer).headDim,
      queryHeadsPerKvHead: widthOf(share.query) / widthOf(share.kv),
      partials: this.#addresses.partials(rank),
    };
  }

  #storeKvValues(
    { key, value, kvLayer }: OperationOf<"storeKv">,
    { kv }: Pick<HeadShare, "kv">,
    rank: number,
  ): JobValues<"storeKvF16"> {
    const [keys, values] = [this.#addresses.columns(key), this.#addresses.columns(value)];
    const firstByte = this.#headBytes(kvLayer) * kv.first;
    return {
      key: keys.offset + firstByte,
      keyStride: keys.strideBytes,
      value: values.offset + firstByte,
      valueStride: values.strideBytes,
      numTokens: 0,
      slots: this.#addresses.input("slots"),
      kv: this.#addresses.kvOffset(kvLayer, rank),
      numKvHeads: widthOf(kv),
      headDim: this.#addresses.kvLayer(kvLayer).headDim,
      scratch: this.#addresses.scratch,
    };
  }

  /** A job for each rank; the runner sets its KV heads and token rows before every call. */
  #prepareHeads({ queryNorm, keyNorm, rope, storeKv, attention }: HeadPreparation): Job[] {
    const weightOf = (norm: OperationOf<"headNorm"> | null): number =>
      norm === null ? 0 : this.#addresses.weightOffset(norm.weightId);
    const { kvLayer, numHeads } = attention;
    const query = this.#addresses.columns(attention.query).offset;
    return this.#shares(attention.ranks, kvLayer, numHeads).map((share, rank) => {
      const values = this.#storeKvValues(storeKv, share, rank);
      return this.#jobs.write(
        this.#arenaId,
        prepareKernels[this.#addresses.limits.kvDtype],
        {
          ...values,
          firstToken: 0,
          query: query + this.#headBytes(kvLayer) * share.query.first,
          queryHeadsPerKvHead: widthOf(share.query) / widthOf(share.kv),
          rotaryDim: rope.rotaryDim,
          table: this.#addresses.ropeTable(rope.ropeId),
          positions: this.#addresses.input("positions"),
          queryNorm: weightOf(queryNorm),
          keyNorm: weightOf(keyNorm),
          eps: queryNorm?.eps ?? 0,
        },
        values.numKvHeads,
      );
    });
  }

  /** The heads of each rank; all of them where there is one. */
  #shares(
    ranks: readonly HeadShare[] | undefined,
    kvLayer: number,
    numHeads: number | null,
  ): readonly HeadShare[] {
    const { numKvHeads } = this.#addresses.kvLayer(kvLayer);
    return ranks ?? [{ query: { first: 0, end: numHeads ?? 0 }, kv: { first: 0, end: numKvHeads } }];
  }

  /** Bytes of a head in a row. */
  #headBytes(kvLayer: number): number {
    return 4 * this.#addresses.kvLayer(kvLayer).headDim;
  }
}
