/**
 * @module The metrics of every engine under one set of names. Each meaning has a list of the names that versions of an
 * engine gave it; a meaning that no line carries is null, which is not 0.
 */
import { type Sample, samplesByName } from "./exposition.ts";

export interface EngineMetrics {
  readonly numRunning: number | null;
  readonly numWaiting: number | null;
  /** Share of the KV pool that requests hold, 0 to 1. */
  readonly kvUsage: number | null;
  readonly numKvBlocks: number | null;
  /** Tokens of a block. */
  readonly kvBlockTokens: number | null;
  /** Tokens that the whole pool holds. */
  readonly numKvTokens: number | null;
  /** Prompt tokens since the start, those from the prefix cache included. */
  readonly promptTokens: number | null;
  readonly generatedTokens: number | null;
  /** Prompt tokens looked up in the prefix cache, and those of them that it had. */
  readonly prefixQueriedTokens: number | null;
  readonly prefixHitTokens: number | null;
  readonly numPreemptions: number | null;
}

/** One way in which an engine states a meaning. */
export interface MetricSource {
  readonly name: string;
  /** A second metric that is added; without it the source does not count. */
  readonly plus?: string;
  /** The value is this label's text, as in a gauge of configuration; words that are no number do not count. */
  readonly label?: string;
  /** How samples of several ranks or models become one. */
  readonly over?: "sum" | "mean" | "max";
}

export type MetricNames = Readonly<Record<keyof EngineMetrics, readonly MetricSource[]>>;

/** null where the text has nothing of this engine. */
export function readMetrics(text: string, names: MetricNames): EngineMetrics | null {
  const samples = samplesByName(text);
  const values = Object.entries(names).map(([meaning, sources]) => [meaning, stated(samples, sources)]);
  return values.some(([, value]) => value !== null) ? Object.fromEntries(values) : null;
}

function stated(
  samples: ReadonlyMap<string, readonly Sample[]>,
  sources: readonly MetricSource[],
): number | null {
  for (const source of sources) {
    const values = statedBy(samples, source);
    const added = source.plus === undefined ? [0] : statedBy(samples, { name: source.plus });
    if (values.length === 0 || added.length === 0) continue;
    return combined(values, source.over ?? "sum") + combined(added, "sum");
  }
  return null;
}

function statedBy(
  samples: ReadonlyMap<string, readonly Sample[]>,
  { name, label }: MetricSource,
): readonly number[] {
  return (samples.get(name) ?? [])
    .map(({ labels, value }) => (label === undefined ? value : numberIn(labels[label])))
    .filter((value) => Number.isFinite(value));
}

function numberIn(text: string | undefined): number {
  return text === undefined || text.trim() === "" ? Number.NaN : Number(text);
}

function combined(values: readonly number[], over: "sum" | "mean" | "max"): number {
  if (over === "max") return Math.max(...values);
  const total = values.reduce((sum, value) => sum + value, 0);
  return over === "mean" ? total / values.length : total;
}
