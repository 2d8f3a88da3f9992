/**
 * @module The same pool for every start of an engine that sizes it by what is free: the share is stated anew for each start, by
 * what others hold then. The first start is computed from the plan, the others from what the first one printed.
 */
import { PagodaError } from "../../core/errors.ts";
import { readLog } from "../../planner/index.ts";
import type { ShareOfFree } from "./instance-plan.ts";

/** The engine's own field is a 32-bit float of seven digits. */
const digits = 7;

interface Start {
  readonly poolBytes: number;
  /** Free after the weights. */
  readonly freeBytes: number;
  /** What others held on the device. */
  readonly usedBytes: number;
}

export class EqualPool {
  readonly #engine: string;
  #known: Start;
  #isMeasured = false;

  constructor({ engine, share, poolBytes }: ShareOfFree) {
    this.#engine = engine;
    this.#known = { poolBytes, freeBytes: poolBytes / share, usedBytes: 0 };
  }

  /** The share with which a start beside these bytes gets the pool; null where that is more than all that is free. */
  shareBeside(usedBytes: number): number | null {
    const { poolBytes, freeBytes, usedBytes: before } = this.#known;
    const free = freeBytes - (usedBytes - before);
    const share = Number((poolBytes / free).toFixed(digits));
    return free > 0 && share > 0 && share < 1 ? share : null;
  }

  /** Learns from the first start that became ready, by what it printed. */
  learn(output: string, usedBytes: number): void {
    const printed = this.#isMeasured ? null : printedIn(output, this.#engine);
    if (printed === null) return;
    this.#known = { ...printed, usedBytes };
    this.#isMeasured = true;
  }
}

function printedIn(output: string, engine: string): Pick<Start, "poolBytes" | "freeBytes"> | null {
  try {
    const { availableKv, free } = readLog(output, engine).figures;
    if (availableKv === undefined || free === undefined) return null;
    return { poolBytes: availableKv.expectedBytes, freeBytes: free.expectedBytes };
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}
