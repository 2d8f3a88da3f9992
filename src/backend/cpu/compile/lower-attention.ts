/**
 * @module The operations on heads as kernel jobs, twice over.
 *
 * For steps of any shape: norms and rotations by token rows, then keys and values into the cache by KV heads, then attention
 * by work items and KV heads, each a phase. Where each sequence has one row in the step, attention does it all: who takes an
 * item and a KV head first prepares them (`headGroups`).
 */
import type { Operation } from "../../program.ts";
import { blocksPerSequence } from "../../step-layout.ts";
import type { JobValues } from "../kernels/jobs.ts";
import type { Places } from "./buffer-addresses.ts";
import type { HeadGroup, OperationOf } from "./fused-head-preparation.ts";
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
  readonly #places: Places;
  readonly #arenaId: number;
  readonly #jobs: JobWriter;
  readonly #phases: PhaseList;
  readonly #groups: ReadonlyMap<Operation, HeadGroup>;

  constructor(
    places: Places,
    arenaId: number,
    jobs: JobWriter,
    phases: PhaseList,
    groups: ReadonlyMap<Operation, HeadGroup>,
  ) {
    this.#places = places;
    this.#arenaId = arenaId;
    this.#jobs = jobs;
    this.#phases = phases;
    this.#groups = groups;
  }

  headNorm(operation: OperationOf<"headNorm">): void {
    const { at, numHeads, headDim, weightId, eps } = operation;
    const { offset, strideBytes, split } = this.#places.columns(at);
    const job = this.#jobs.write(this.#arenaId, "headNorm", {
      at: offset,
      stride: strideBytes,
      numHeads,
      headDim,
      weight: this.#places.weightOffset(weightId),
      eps,
    });
    this.#phases.addRows("rows", split, job, false, this.#groups.has(operation));
  }

  rope(operation: OperationOf<"rope">): void {
    const { at, numHeads, headDim, rotaryDim, ropeId } = operation;
    const { offset, strideBytes, split } = this.#places.columns(at);
    const job = this.#jobs.write(this.#arenaId, "rope", {
      at: offset,
      stride: strideBytes,
      numHeads,
      headDim,
      rotaryDim,
      table: this.#places.ropeTable(ropeId),
      positions: this.#places.input("positions"),
    });
    this.#phases.addRows("rows", split, job, false, this.#groups.has(operation));
  }

  storeKv(operation: OperationOf<"storeKv">): void {
    const kernelName = storeKvKernels[this.#places.limits.kvDtype];
    const values = this.#storeKvValues(operation);
    const job = this.#jobs.write(this.#arenaId, kernelName, values, values.numKvHeads);
    this.#jobs.patch(job, kernelName, "numTokens", "numTokens");
    const group = this.#groups.get(operation);
    const prepare = group === undefined ? null : this.#prepareHeads(group);
    this.#phases.add({ kind: "storeKv", split: "kvHeads", jobs: [job], prepare });
  }

  attention(operation: OperationOf<"attention">): void {
    const { kvLayer, numHeads, scale, softcap, window } = operation;
    const { limits, layout } = this.#places;
    const { numKvHeads, headDim } = this.#places.kvLayer(kvLayer);
    const [query, to] = [this.#places.columns(operation.query), this.#places.buffer(operation.out)];
    const shared = {
      out: to.offset,
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
      kv: this.#places.kvOffset(kvLayer),
      scale,
      softcap: softcap ?? 0,
      window: window ?? 0,
      blockSize: limits.blockSize,
      blockTables: this.#places.input("blockTables"),
      maxBlocksPerSequence: blocksPerSequence(limits),
      positions: this.#places.input("positions"),
      items: layout.attentionItems,
      scratch: this.#places.scratch,
    };
    const job = this.#jobs.write(this.#arenaId, kernelName, values, numKvHeads);
    const prepare = this.#groups.has(operation) ? (this.#phases.phases.at(-1)?.prepare ?? null) : null;
    this.#phases.add({ kind: "attention", split: "attentionUnits", jobs: [job], prepare });
    const rotated = limits.kvDtype === "int4" ? 1 : 0;
    const mergeValues = { ...shared, items: layout.mergeItems, rotated };
    const merge = this.#jobs.write(this.#arenaId, "attentionMerge", mergeValues, numKvHeads);
    this.#phases.add({ kind: "attention", split: "mergeUnits", jobs: [merge] });
  }

  #storeKvValues({ key, value, kvLayer }: OperationOf<"storeKv">): JobValues<"storeKvF16"> {
    const { numKvHeads, headDim } = this.#places.kvLayer(kvLayer);
    const [keys, values] = [this.#places.columns(key), this.#places.columns(value)];
    return {
      key: keys.offset,
      keyStride: keys.strideBytes,
      value: values.offset,
      valueStride: values.strideBytes,
      numTokens: 0,
      slots: this.#places.input("slots"),
      kv: this.#places.kvOffset(kvLayer),
      numKvHeads,
      headDim,
      scratch: this.#places.scratch,
    };
  }

  /** A job whose KV heads and token rows are set before every call. */
  #prepareHeads({ queryNorm, keyNorm, rope, storeKv, attention }: HeadGroup): Job {
    const values = this.#storeKvValues(storeKv);
    const weightOf = (norm: OperationOf<"headNorm"> | null): number =>
      norm === null ? 0 : this.#places.weightOffset(norm.weightId);
    return this.#jobs.write(
      this.#arenaId,
      prepareKernels[this.#places.limits.kvDtype],
      {
        ...values,
        firstToken: 0,
        query: this.#places.columns(attention.query).offset,
        queryHeadsPerKvHead: attention.numHeads / values.numKvHeads,
        rotaryDim: rope.rotaryDim,
        table: this.#places.ropeTable(rope.ropeId),
        positions: this.#places.input("positions"),
        queryNorm: weightOf(queryNorm),
        keyNorm: weightOf(keyNorm),
        eps: queryNorm?.eps ?? 0,
      },
      values.numKvHeads,
    );
  }
}
