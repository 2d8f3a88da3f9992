/** @module The history of the engines of this process: one row a second, kept in rings and, if wanted, in a file. */
import type { HistoryQuestion } from "../../../api/admin/observatory/index.ts";
import type { HistoryFile } from "./history-file.ts";
import { HistoryRing, type HistoryRow, meansOf } from "./history-ring.ts";

const dayMs = 24 * 3_600_000;

export class History {
  readonly #rings = new Map<string, HistoryRing>();
  #file: HistoryFile | null = null;

  /** Minutes of the last day that are in the file are part of the history from now on; new ones are added to it. */
  keepIn(file: HistoryFile): void {
    this.#file = file;
  }

  /** The minute under way is kept, too. */
  close(): void {
    if (this.#file === null) return;
    for (const [instanceId, ring] of this.#rings) {
      const ended = ring.endMinute();
      if (ended !== null) this.#file.add(instanceId, ended);
    }
    this.#file.close();
    this.#file = null;
  }

  add(instanceId: string, row: HistoryRow): void {
    const ended = this.#ringOf(instanceId, row.unixMs).add(row);
    if (ended !== null) this.#file?.add(instanceId, ended);
  }

  /** Rows of Unix milliseconds and the columns, as an answer has them. */
  rows(
    instanceId: string,
    { fromMs, toMs, stepSeconds }: HistoryQuestion,
    nowMs: number,
  ): (number | null)[][] {
    const isOld = this.#file !== null && nowMs - fromMs > dayMs;
    const rows = isOld
      ? meansOf(this.#file?.rows(instanceId, fromMs, toMs) ?? [], { fromMs, toMs, stepSeconds })
      : (this.#rings.get(instanceId)?.between(fromMs, toMs, stepSeconds, nowMs) ?? []);
    return rows.map(({ unixMs, figures }) => [unixMs, ...Array.from(figures, shown)]);
  }

  #ringOf(instanceId: string, nowMs: number): HistoryRing {
    let ring = this.#rings.get(instanceId);
    if (ring === undefined) {
      ring = new HistoryRing();
      for (const row of this.#file?.rows(instanceId, nowMs - dayMs, nowMs) ?? []) ring.addMinute(row);
      this.#rings.set(instanceId, ring);
    }
    return ring;
  }
}

/** Numbers of a ring have 24 bits; more digits than these would be noise. */
function shown(figure: number): number | null {
  return Number.isNaN(figure) ? null : Number(figure.toPrecision(7));
}
