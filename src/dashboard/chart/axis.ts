/** @module An axis of a chart: round ticks that enclose all values. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** Bytes have round numbers of their own: powers of two. */
export type Scale = "decimal" | "bytes";

function roundStep(rough: number, scale: Scale): number {
  if (scale === "bytes") return 2 ** Math.ceil(Math.log2(Math.max(1, rough)));
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
}

/** From 0 where no value is below it and `fromZero`; values that are not finite are left out. */
export function axisOf(
  values: readonly number[],
  { numTicks = 5, scale = "decimal" as Scale, fromZero = true } = {},
): Axis {
  const finite = values.filter(Number.isFinite);
  const most = finite.length === 0 ? 1 : Math.max(...finite);
  const least = finite.length === 0 ? 0 : Math.min(...finite, fromZero ? 0 : Number.POSITIVE_INFINITY);
  const step = roundStep((most - least || Math.abs(most) || 1) / numTicks, scale);
  const low = Math.floor(least / step) * step;
  const numSteps = Math.max(1, Math.ceil((most - low) / step - 1e-9));
  const ticks = Array.from({ length: numSteps + 1 }, (_, index) => low + index * step);
  return { low, high: low + numSteps * step, ticks };
}
