/** @module Lengths as people state them: `128`, `2k`, `64-512`, `p50=2k,p95=8k`. */
import { PagodaError } from "../../core/errors.ts";

/** Draws a length in tokens from a uniform number in [0, 1). */
export type LengthDistribution = (uniform: number) => number;

/** The standard normal quantile of 95 %. */
const normalQuantile95 = 1.6449;
/** Draws of a lognormal distribution stop at this many times its P95, so that one draw does not decide a load. */
const mostTimesP95 = 4;

/** Throws `invalid_option` with the forms that are understood. */
export function parseLengths(text: string): LengthDistribution {
  const fixed = tokens(text);
  if (fixed !== null) return () => fixed;
  const range = /^(\S+?)\s*(?:-|\.\.|:)\s*(\S+)$/.exec(text.trim());
  const [low, high] = [tokens(range?.[1] ?? ""), tokens(range?.[2] ?? "")];
  if (low !== null && high !== null && low <= high)
    return (uniform) => low + Math.floor(uniform * (high - low + 1));
  return parseQuantiles(text) ?? refuse(text);
}

function tokens(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(k|K)?$/.exec(text.trim());
  if (match === null) return null;
  const value = Math.round(Number(match[1]) * (match[2] === undefined ? 1 : 1000));
  return value >= 1 ? value : null;
}

/** A lognormal distribution through two quantiles: lengths of real conversations are close to it. */
function parseQuantiles(text: string): LengthDistribution | null {
  const match = /^p50\s*=\s*(\S+?)\s*,\s*p95\s*=\s*(\S+)$/i.exec(text.trim());
  const [p50, p95] = [tokens(match?.[1] ?? ""), tokens(match?.[2] ?? "")];
  if (p50 === null || p95 === null || p50 > p95) return null;
  const sigma = Math.log(p95 / p50) / normalQuantile95;
  return (uniform) => {
    const drawn = Math.round(p50 * Math.exp(sigma * normalQuantile(uniform)));
    return Math.min(mostTimesP95 * p95, Math.max(1, drawn));
  };
}

function refuse(text: string): never {
  throw new PagodaError("invalid_option", `'${text}' is not a length.`, {
    hint: "Write tokens such as 128 or 2k, a range such as 64-512, or quantiles such as p50=2k,p95=8k.",
  });
}

/** Quantile of the standard normal distribution by Newton's method on its logistic approximation; error below 1e-4. */
function normalQuantile(share: number): number {
  const p = Math.min(1 - 1e-9, Math.max(1e-9, share));
  let x = Math.log(p / (1 - p)) / 1.702;
  for (let i = 0; i < 6; i++) {
    const density = Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    x -= Math.max(-1, Math.min(1, (normalShare(x) - p) / Math.max(density, 1e-12)));
  }
  return x;
}

/** Share of a standard normal distribution below x: formula 26.2.17 of Abramowitz and Stegun, error below 7.5e-8. */
function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return x >= 0 ? 1 - tail : tail;
}
