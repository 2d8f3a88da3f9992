/** @module Whether requests came faster than they were served: then latencies measure the length of the run. */
import { percentile } from "../../core/statistics.ts";
import type { RequestTimes } from "./figures.ts";

/** Of Student's distribution; with fewer requests than `leastRequests` nothing is said. */
const surely = 3;
const leastRequests = 20;

/** The time to the first token grows with the time of arrival, surely and over the run by more than its median. */
export function isSaturated(requests: readonly RequestTimes[]): boolean {
  if (requests.length < leastRequests) return false;
  const xs = requests.map(({ arrivedMs }) => arrivedMs);
  const ys = requests.map(({ arrivedMs, firstTokenMs }) => firstTokenMs - arrivedMs);
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const spreadX = sumOf(xs, (x) => (x - meanX) ** 2);
  if (spreadX === 0) return false;
  const slope = sumOf(xs, (x, i) => (x - meanX) * ((ys[i] ?? 0) - meanY)) / spreadX;
  const residual = sumOf(xs, (x, i) => ((ys[i] ?? 0) - meanY - slope * (x - meanX)) ** 2);
  const error = Math.sqrt(residual / (xs.length - 2) / spreadX);
  const growth = slope * (Math.max(...xs) - Math.min(...xs));
  return slope > surely * error && growth > percentile(ys, 0.5);
}

function mean(values: readonly number[]): number {
  return sumOf(values, (value) => value) / values.length;
}

function sumOf(values: readonly number[], of: (value: number, index: number) => number): number {
  return values.reduce((sum, value, i) => sum + of(value, i), 0);
}
