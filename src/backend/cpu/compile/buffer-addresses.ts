/** @module Where a program's buffers, weights, KV layers and inputs lie in one arena, for one thread. Bytes. */
import { invariant } from "../../../core/errors.ts";
import type { Columns, WeightDeclaration } from "../../program.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import type { RankedProgram } from "../footprint/ranked-program.ts";
import { rowPackBytes, rowsPerPack } from "../footprint/weight-layout.ts";
import type { ArenaLayout } from "../memory/layout.ts";

/** Rows of numbers `strideBytes` apart. */
export interface RowAddress {
  readonly offset: number;
  readonly strideBytes: number;
  readonly width: number;
  readonly split: "tokenRows" | "outputRows";
}

export class BufferAddresses {
  readonly limits: CpuLimits;
  readonly layout: ArenaLayout;
  readonly #program: RankedProgram;
  readonly #thread: number;

  constructor(
    context: { readonly program: RankedProgram; readonly limits: CpuLimits; readonly thread: number },
    layout: ArenaLayout,
  ) {
    this.#program = context.program;
    this.limits = context.limits;
    this.layout = layout;
    this.#thread = context.thread;
  }

  buffer(bufferId: number): RowAddress {
    const { width, rows } = known(this.#program.buffers[bufferId], `buffer ${bufferId}`);
    const offset = known(this.layout.buffers.get(bufferId), `place of buffer ${bufferId}`);
    return { offset, strideBytes: 4 * width, width, split: rows === "tokens" ? "tokenRows" : "outputRows" };
  }

  columns({ bufferId, offset }: Columns): RowAddress {
    const place = this.buffer(bufferId);
    return { ...place, offset: place.offset + 4 * offset };
  }

  weight(weightId: number): WeightDeclaration {
    return known(this.#program.weights[weightId], `weight ${weightId}`);
  }

  weightOffset(weightId: number): number {
    return known(this.layout.weights.get(weightId), `${this.weight(weightId).name} in this arena`);
  }

  /** Where rows of a matrix begin. @param firstRow a multiple of 8 */
  rowsOffset(weightId: number, firstRow: number): number {
    const { storage, numCols } = this.weight(weightId);
    return this.weightOffset(weightId) + (firstRow / rowsPerPack) * rowPackBytes(storage, numCols);
  }

  kvLayer(kvLayer: number): RankedProgram["kvLayers"][number] {
    return known(this.#program.kvLayers[kvLayer], `KV layer ${kvLayer}`);
  }

  kvOffset(kvLayer: number, rank: number): number {
    return known(this.layout.kvLayers.get(kvLayer)?.[rank], `KV layer ${kvLayer} in this arena`);
  }

  partials(rank: number): number {
    return known(this.layout.partials[rank], `partial results of rank ${rank}`);
  }

  ropeTable(ropeId: number): number {
    return known(this.layout.ropeTables[ropeId], `rope table ${ropeId}`);
  }

  input(name: string): number {
    return known(this.layout.inputs.get(name), `input ${name} in this arena`);
  }

  /** Scratch of this thread. */
  get scratch(): number {
    return known(this.layout.scratch[this.#thread], `scratch of thread ${this.#thread}`);
  }
}

function known<T>(value: T | undefined, what: string): T {
  invariant(value !== undefined, () => `there is no ${what}`);
  return value;
}
