/**
 * @module A number of bytes that says how it is known.
 *
 * Sums keep their intervals: the low end of a sum is the sum of the low ends, and so for the high end, because the
 * parts of one footprint err together (a wrong activation rule is wrong for every component it feeds).
 */

/** `exact` follows from configuration and rules; `measured` was read from a log or a device; `estimated` is a range. */
export type Evidence =
  | { readonly kind: "exact"; readonly why: string }
  | { readonly kind: "measured"; readonly why: string }
  | { readonly kind: "estimated"; readonly why: string };

export interface Quantity {
  readonly lowBytes: number;
  readonly expectedBytes: number;
  readonly highBytes: number;
  readonly evidence: Evidence;
}

/** A quantity that follows from configuration and rules alone. */
export function exact(bytes: number, why: string): Quantity {
  return { lowBytes: bytes, expectedBytes: bytes, highBytes: bytes, evidence: { kind: "exact", why } };
}

/** A quantity read from a log or a device; `errorBytes` is what the print rounding hides on either side. */
export function measured(bytes: number, why: string, errorBytes = 0): Quantity {
  return {
    lowBytes: bytes - errorBytes,
    expectedBytes: bytes,
    highBytes: bytes + errorBytes,
    evidence: { kind: "measured", why },
  };
}

/** A quantity between two ends, with the value that is likeliest. */
export function estimated(low: number, expected: number, high: number, why: string): Quantity {
  return {
    lowBytes: Math.min(low, expected),
    expectedBytes: expected,
    highBytes: Math.max(high, expected),
    evidence: { kind: "estimated", why },
  };
}

const weakness = { exact: 0, measured: 1, estimated: 2 } as const;

/** The evidence of a result is that of its weakest part. */
function weakest(parts: readonly Quantity[], why: string): Evidence {
  let kind: Evidence["kind"] = "exact";
  for (const part of parts) if (weakness[part.evidence.kind] > weakness[kind]) kind = part.evidence.kind;
  return { kind, why };
}

/** Sum of parts, interval kept. */
export function sum(parts: readonly Quantity[], why: string): Quantity {
  return {
    lowBytes: parts.reduce((total, part) => total + part.lowBytes, 0),
    expectedBytes: parts.reduce((total, part) => total + part.expectedBytes, 0),
    highBytes: parts.reduce((total, part) => total + part.highBytes, 0),
    evidence: weakest(parts, why),
  };
}

/** What is left of `whole` after `parts`: the low end takes the high ends of the parts. */
export function minus(whole: Quantity, parts: readonly Quantity[], why: string): Quantity {
  const taken = sum(parts, why);
  return {
    lowBytes: whole.lowBytes - taken.highBytes,
    expectedBytes: whole.expectedBytes - taken.expectedBytes,
    highBytes: whole.highBytes - taken.lowBytes,
    evidence: weakest([whole, ...parts], why),
  };
}

/** Applies a rising function (a share, a floor) to the three ends. */
export function mapQuantity(quantity: Quantity, rising: (bytes: number) => number, why: string): Quantity {
  return {
    lowBytes: rising(quantity.lowBytes),
    expectedBytes: rising(quantity.expectedBytes),
    highBytes: rising(quantity.highBytes),
    evidence: weakest([quantity], why),
  };
}

/** The larger of two quantities, end by end. */
export function larger(a: Quantity, b: Quantity, why: string): Quantity {
  return {
    lowBytes: Math.max(a.lowBytes, b.lowBytes),
    expectedBytes: Math.max(a.expectedBytes, b.expectedBytes),
    highBytes: Math.max(a.highBytes, b.highBytes),
    evidence: weakest([a, b], why),
  };
}
