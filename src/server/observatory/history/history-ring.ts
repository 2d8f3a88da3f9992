/** @module Rows of figures in two rings of a fixed size: 15 minutes by the second, a day by the minute. */
import { historyColumns } from "../../../api/admin/observatory/index.ts";

const width = historyColumns.length;
const secondRows = 15 * 60;
const minuteRows = 24 * 60;
const minuteMs = 60_000;

/** Unix milliseconds, and a figure for each column (NaN: not known). */
export interface HistoryRow {
  readonly unixMs: number;
  readonly figures: ArrayLike<number>;
}

class Ring {
  readonly #times: Float64Array;
  readonly #figures: Float32Array;
  readonly #numRows: number;
  #next = 0;
  #numFilled = 0;

  constructor(numRows: number) {
    this.#numRows = numRows;
    this.#times = new Float64Array(numRows);
    this.#figures = new Float32Array(numRows * width);
  }

  add({ unixMs, figures }: HistoryRow): void {
    this.#times[this.#next] = unixMs;
    this.#figures.set(figures, this.#next * width);
    this.#next = (this.#next + 1) % this.#numRows;
    this.#numFilled = Math.min(this.#numRows, this.#numFilled + 1);
  }

  /** Oldest first; the figures are a view that the next round overwrites. */
  *rows(): Iterable<HistoryRow> {
    for (let i = this.#numFilled; i > 0; i--) {
      const at = (this.#next - i + this.#numRows) % this.#numRows;
      yield {
        unixMs: this.#times[at] as number,
        figures: this.#figures.subarray(at * width, (at + 1) * width),
      };
    }
  }
}

export class HistoryRing {
  readonly #seconds = new Ring(secondRows);
  readonly #minutes = new Ring(minuteRows);
  readonly #minute: MeanRow = new MeanRow();
  #minuteNumber: number | null = null;

  static get numBytes(): number {
    return (
      (secondRows + minuteRows) * (Float64Array.BYTES_PER_ELEMENT + width * Float32Array.BYTES_PER_ELEMENT)
    );
  }

  /** Returns the minute that this row ended, if it began another one. */
  add(row: HistoryRow): HistoryRow | null {
    this.#seconds.add(row);
    const number = Math.floor(row.unixMs / minuteMs);
    const ended = number === this.#minuteNumber ? null : this.endMinute();
    this.#minuteNumber = number;
    this.#minute.add(row.figures);
    return ended;
  }

  /** The minute so far, which ends here; null: there is none. */
  endMinute(): HistoryRow | null {
    if (this.#minuteNumber === null) return null;
    const ended = { unixMs: this.#minuteNumber * minuteMs, figures: this.#minute.take() };
    this.#minuteNumber = null;
    this.#minutes.add(ended);
    return ended;
  }

  /** A minute of an earlier run. */
  addMinute(row: HistoryRow): void {
    this.#minutes.add(row);
  }

  /** By the second where the time is short enough for that ring, else by the minute; means over `stepSeconds`. */
  between(fromMs: number, toMs: number, stepSeconds: number, nowMs: number): HistoryRow[] {
    const isRecent = stepSeconds < 60 && nowMs - fromMs <= secondRows * 1000 + minuteMs;
    return meansOf(isRecent ? this.#seconds.rows() : this.#minutes.rows(), { fromMs, toMs, stepSeconds });
  }
}

/** One row for each step in which there is any, at the beginning of the step. */
export function meansOf(
  rows: Iterable<HistoryRow>,
  {
    fromMs,
    toMs,
    stepSeconds,
  }: { readonly fromMs: number; readonly toMs: number; readonly stepSeconds: number },
): HistoryRow[] {
  const means: HistoryRow[] = [];
  const mean = new MeanRow();
  const stepMs = stepSeconds * 1000;
  let step: number | null = null;
  const end = (): void => {
    if (step !== null) means.push({ unixMs: step * stepMs, figures: mean.take() });
  };
  for (const { unixMs, figures } of rows) {
    if (unixMs < fromMs || unixMs > toMs) continue;
    const own = Math.floor(unixMs / stepMs);
    if (own !== step) {
      end();
      step = own;
    }
    mean.add(figures);
  }
  end();
  return means;
}

/** Means of what is known. */
class MeanRow {
  readonly #sums = new Float64Array(width);
  readonly #counts = new Int32Array(width);

  add(figures: ArrayLike<number>): void {
    for (let i = 0; i < width; i++) {
      const figure = figures[i] ?? Number.NaN;
      if (Number.isNaN(figure)) continue;
      this.#sums[i] = (this.#sums[i] as number) + figure;
      this.#counts[i] = (this.#counts[i] as number) + 1;
    }
  }

  take(): Float64Array {
    const means = this.#sums.map((sum, i) =>
      this.#counts[i] === 0 ? Number.NaN : sum / (this.#counts[i] as number),
    );
    this.#sums.fill(0);
    this.#counts.fill(0);
    return means;
  }
}
