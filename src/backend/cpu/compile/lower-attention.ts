/**
 * @module The operations on heads as kernel jobs, in two forms.
 *
 * For steps of any shape there is a phase for each: norms and rotations by token rows, then keys and values into the cache by KV
 * heads, then attention by work items and KV heads. Where each sequence has one row in the step, the attention phase does all of
 * it: the thread that takes an item and a KV head prepares them first (`headPreparations`).
 */
import { blocksPerSequence } from "../../step-layout.ts";
import type { RankOperation } from "../footprint/rank-program.ts";
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
  readonly #preparations: ReadonlyMap<RankOperation, HeadPreparation>;

  constructor(
    addresses: BufferAddresses,
    arenaId: number,
    jobs: JobWriter,
    phases: PhaseList,
    groups: ReadonlyMap<RankOperation, HeadPreparation>,
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

  storeKv(operation: OperationOf<"storeKv">): void {
    const kernelName = storeKvKernels[this.#addresses.limits.kvDtype];
    const values = this.#storeKvValues(operation);
    const job = this.#jobs.write(this.#arenaId, kernelName, values, values.numKvHeads);
    this.#jobs.patch(job, kernelName, "numTokens", "numTokens");
    const group = this.#preparations.get(operation);
    const prepare = group === undefined ? null : this.#prepareHeads(group);
    this.#phases.add({ kind: "storeKv", split: "kvHeads", jobs: [job], prepare });
  }

  attention(operation: OperationOf<"attention">): void {
    const { kvLayer, numHeads, scale, softcap, window, outColumn = 0 } = operation;
    const { limits, layout } = this.#addresses;
    const { numKvHeads, headDim } = this.#addresses.kvLayer(kvLayer);
    const [query, to] = [this.#addresses.columns(operation.query), this.#addresses.buffer(operation.out)];
    const shared = {
      out: to.offset + 4 * outColumn,
      outStride: to.strideBytes,
      numKvHeads,
      headDim,
      queryHeadsPerKvHead: numHeads / numKvHeads,
      partials: layout.partials,
    };
    const kernelName = attentionKernels[limits.kvDtype];
    const values: JobValues<typeof kernelName> = {
      ...shared,
      query: query.offset,
      queryStride: query.strideBytes,
      kv: this.#addresses.kvOffset(kvLayer),
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
    const job = this.#jobs.write(this.#arenaId, kernelName, values, numKvHeads);
    const prepare = this.#preparations.has(operation) ? (this.#phases.phases.at(-1)?.prepare ?? null) : null;
    this.#phases.add({ kind: "attention", split: "attentionUnits", jobs: [job], prepare });
    const rotated = limits.kvDtype === "int4" ? 1 : 0;
    const mergeValues = { ...shared, items: layout.mergeItems, rotated };
    const merge = this.#jobs.write(this.#arenaId, "attentionMerge", mergeValues, numKvHeads);
    this.#phases.add({ kind: "attention", split: "mergeUnits", jobs: [merge] });
  }

  #storeKvValues({ key, value, kvLayer }: OperationOf<"storeKv">): JobValues<"storeKvF16"> {
    const { numKvHeads, headDim } = this.#addresses.kvLayer(kvLayer);
    const [keys, values] = [this.#addresses.columns(key), this.#addresses.columns(value)];
    return {
      key: keys.offset,
      keyStride: keys.strideBytes,
      value: values.offset,
      valueStride: values.strideBytes,
      numTokens: 0,
      slots: this.#addresses.input("slots"),
      kv: this.#addresses.kvOffset(kvLayer),
      numKvHeads,
      headDim,
      scratch: this.#addresses.scratch,
    };
  }

  /** The job; the runner sets its KV heads and token rows before every call. */
  #prepareHeads({ queryNorm, keyNorm, rope, storeKv, attention }: HeadPreparation): Job {
    const values = this.#storeKvValues(storeKv);
    const weightOf = (norm: OperationOf<"headNorm"> | null): number =>
      norm === null ? 0 : this.#addresses.weightOffset(norm.weightId);
    return this.#jobs.write(
      this.#arenaId,
      prepareKernels[this.#addresses.limits.kvDtype],
      {
        ...values,
        firstToken: 0,
        query: this.#addresses.columns(attention.query).offset,
        queryHeadsPerKvHead: attention.numHeads / values.numKvHeads,
        rotaryDim: rope.rotaryDim,
        table: this.#addresses.ropeTable(rope.ropeId),
        positions: this.#addresses.input("positions"),
        queryNorm: weightOf(queryNorm),
        keyNorm: weightOf(keyNorm),
        eps: queryNorm?.eps ?? 0,
      },
      values.numKvHeads,
    );
  }
}
