/** @module A configuration value that remembers where it came from. */

export type Origin = "flag" | "environment" | "file" | "default" | "derived";

export interface Resolved<T> {
  readonly value: T;
  readonly from: Origin;
  /** The flag as typed, the variable, the file, or the reason. */
  readonly why?: string;
}
