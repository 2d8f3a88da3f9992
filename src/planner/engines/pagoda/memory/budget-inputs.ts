/** @module What a budget is decided from: what was stated, what the model needs, and what the device has. */
import type { Resolved } from "../../../../core/resolved.ts";

/** A limit on the whole instance. */
export type Cap =
  | { readonly kind: "fractionOfTotal"; readonly fraction: number }
  | { readonly kind: "instanceBytes"; readonly bytes: number };

/** A statement of the KV pool alone. */
export type PoolRule =
  | { readonly kind: "fractionOfFree"; readonly fraction: number }
  | { readonly kind: "kvBytes"; readonly bytes: number }
  | { readonly kind: "blocks"; readonly numBlocks: number }
  | { readonly kind: "tokens"; readonly numTokens: number };

export interface DeviceMemory {
  /** The smaller of the container's limit and physical memory. */
  readonly totalBytes: number;
  /** What this instance can have now, counting what its process already holds. */
  readonly availableBytes: number;
}

/** The two unknowns that the budget decides. */
export interface PoolShape {
  readonly numBlocks: number;
  readonly maxModelLen: number;
}

export interface BudgetInputs {
  readonly cap: Resolved<Cap> | null;
  readonly pool: Resolved<PoolRule> | null;
  /** As asked for; null: not asked. */
  readonly maxModelLen: Resolved<number | "auto"> | null;
  /** The longest sequence the model was made for. */
  readonly modelMaxLen: number;
  /** The shortest sequence that is of use, at most `modelMaxLen`: a chat's template and a short answer. */
  readonly leastUsefulLen: number;
  readonly maxNumSeqs: number;
  readonly blockSize: number;
  readonly bytesPerBlock: number;
  readonly device: DeviceMemory;
  /**
   * Bytes of everything but the KV pool: runtime, weights, workspace and tables. Must not shrink as the shape grows;
   * infinite for a shape that the backend cannot hold at all.
   */
  readonly fixedBytesAt: (shape: PoolShape) => number;
}

/** Bytes that the cap allows; a fraction is of the device's total. */
export function capBytesOf(cap: Cap, device: DeviceMemory): number {
  return cap.kind === "instanceBytes" ? cap.bytes : Math.floor(cap.fraction * device.totalBytes);
}
