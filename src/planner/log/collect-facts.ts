/** @module Runs a table of line patterns over a log; the first statement of a figure stays unless the pattern says otherwise. */

import type { ConfigObject } from "../model/config-fields.ts";
import type { FailureKind } from "../plan/failure.ts";
import type { FlagValue } from "../plan/flag.ts";
import type { Quantity } from "../quantity/quantity.ts";
import {
  type CountName,
  type FigureName,
  groupedNumber,
  type LogFacts,
  type LogFailure,
  type LoggedCard,
  type Milestone,
  type OutOfMemory,
  printedSize,
} from "./log-facts.ts";

/** What one pattern reads: the named groups of `pattern` are figures (with unit), counts or texts. */
export interface LinePattern {
  readonly pattern: RegExp;
  /** Figure name by group name; the unit is the group `unit`, or GiB. */
  readonly figures?: Readonly<Record<string, FigureName>>;
  readonly counts?: Readonly<Record<string, CountName>>;
  /** Flag of the engine by group name. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly texts?: Readonly<Record<string, "version" | "model" | "gpu">>;
  readonly runner?: string;
  readonly failure?: FailureKind;
  readonly isStarted?: true;
  readonly note?: string;
  /** The unit where the line has none of its own. */
  readonly unit?: string;
}

export interface Collected {
  version: string | null;
  runner: string | null;
  model: string | null;
  readonly modelNames: string[];
  gpu: string | null;
  readonly cards: LoggedCard[];
  reached: Milestone | null;
  outOfMemory: OutOfMemory | null;
  readonly flags: Record<string, FlagValue>;
  readonly figures: Partial<Record<FigureName, Quantity>>;
  readonly counts: Partial<Record<CountName, number>>;
  hasStarted: boolean;
  readonly failures: LogFailure[];
  readonly notes: string[];
  modelConfig: ConfigObject | null;
}

export function emptyFacts(): Collected {
  return {
    version: null,
    runner: null,
    model: null,
    modelNames: [],
    gpu: null,
    cards: [],
    reached: null,
    outOfMemory: null,
    flags: {},
    figures: {},
    counts: {},
    hasStarted: false,
    failures: [],
    notes: [],
    modelConfig: null,
  };
}

/** The collected facts as a value; the first failure is the cause, the rest follow from it. */
export function factsOf(engine: string, facts: Collected, hasStarted: boolean): LogFacts {
  const { failures, ...stated } = facts;
  const model = facts.model ?? facts.modelNames[0] ?? null;
  const modelNames = [...new Set([...(model === null ? [] : [model]), ...facts.modelNames])];
  return { ...stated, model, modelNames, engine, hasStarted, failure: failures[0] ?? null };
}

/** A figure stated twice (one line per rank): the larger consumption, the smaller remainder decides. */
function keepFigure(facts: Collected, name: FigureName, read: Quantity): void {
  const before = facts.figures[name];
  const isRemainder = name === "availableKv" || name === "free" || name === "freeAtStart" || name === "total";
  const isTighter =
    before !== undefined &&
    (isRemainder ? read.expectedBytes < before.expectedBytes : read.expectedBytes > before.expectedBytes);
  const isFiner =
    before !== undefined &&
    Math.abs(read.expectedBytes - before.expectedBytes) <= before.highBytes - before.expectedBytes &&
    read.highBytes - read.lowBytes < before.highBytes - before.lowBytes;
  if (before === undefined || isTighter || isFiner) facts.figures[name] = read;
}

function applyPattern(facts: Collected, rule: LinePattern, line: string): boolean {
  const match = rule.pattern.exec(line);
  if (match === null) return false;
  const groups = match.groups ?? {};
  const unit = groups.unit ?? rule.unit ?? "gib";
  for (const [group, name] of Object.entries(rule.figures ?? {})) {
    const digits = groups[group];
    if (digits !== undefined)
      keepFigure(facts, name, printedSize(digits, groups[`${group}Unit`] ?? unit, "the log states it"));
  }
  for (const [group, name] of Object.entries(rule.counts ?? {})) {
    const digits = groups[group];
    if (digits !== undefined) facts.counts[name] ??= groupedNumber(digits);
  }
  for (const [group, name] of Object.entries(rule.flags ?? {})) {
    const value = groups[group];
    if (value !== undefined) facts.flags[name] ??= value;
  }
  for (const [group, name] of Object.entries(rule.texts ?? {})) facts[name] ??= groups[group] ?? null;
  facts.runner ??= rule.runner ?? null;
  if (rule.isStarted) facts.hasStarted = true;
  if (rule.note !== undefined && !facts.notes.includes(rule.note)) facts.notes.push(rule.note);
  if (rule.failure !== undefined) addFailure(facts, rule.failure, line);
  return true;
}

/** A line of source code that a traceback shows: the exception that follows says it better. */
const isSourceLine = /^\s*(?:raise \w|["'f(])/;

/** The first failure is the cause; the source line that raised it gives way to the sentence it raised. */
function addFailure(facts: Collected, kind: FailureKind, line: string): void {
  const message = withoutPrefix(line);
  const [first] = facts.failures;
  const replaces = first !== undefined && first.kind === kind && isSourceLine.test(first.message);
  if (replaces && !isSourceLine.test(message)) facts.failures[0] = { kind, message };
  else facts.failures.push({ kind, message });
}

/** The sentence of a log line: level, time and source file taken off. */
export function withoutPrefix(line: string): string {
  return line
    .trim()
    .replace(/^(?:ERROR|WARNING|INFO|DEBUG):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d\s+)?/, "")
    .replace(/^\[?[\w./]+\.py:\d+\]\s*/, "")
    .replace(/^\d{4}-\d\d-\d\d \S+ - \w+ - [A-Z]+ - \S+ - /, "")
    .replace(/^what\(\):\s*/, "");
}

/** Reads every line by every pattern. */
export function collectFacts(
  facts: Collected,
  lines: readonly string[],
  patterns: readonly LinePattern[],
): void {
  for (const line of lines) for (const rule of patterns) applyPattern(facts, rule, line);
}
