/** @module The blocks of a KV pool by what they are used for. */

export interface BlockCounts {
  readonly blockSize: number;
  readonly bytesPerBlock: number;
  readonly numTotal: number;
  readonly numFree: number;
  /** Held by the prefix cache alone: evictable. */
  readonly numCached: number;
  readonly numReferenced: number;
  /** Kept out of use by a limit below what was allocated; with the three above it adds up to the total. */
  readonly numWithheld: number;
}
