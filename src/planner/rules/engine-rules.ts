/**
 * @module What one engine brings to the planner: everything in which engines differ, and nothing else. Code outside
 * `engines/` asks these rules and names no engine.
 */
import type { LogFacts } from "../log/log-facts.ts";
import type { FlagChanges, Remedy, Step } from "../plan/change.ts";
import type { FailureKind } from "../plan/failure.ts";
import type { FlagSpec, FlagValue } from "../plan/flag.ts";
import type { MeasuredBytes, Plan, PlanRequest } from "../plan/plan.ts";

/** How an engine is started from a shell. */
export interface CommandRules {
  /** Words that start it, the longest first: `vllm serve`. */
  readonly starts: readonly (readonly string[])[];
  /** Container images whose entry point is the engine. */
  readonly images: readonly RegExp[];
  /** A start as typed, for messages. */
  readonly example: string;
}

/** The engine's names of the flags by what they do; null where it has none. They are also keys of `Plan.settings`. */
export interface FlagRoles {
  /** Tokens of the longest request. */
  readonly length: string;
  /** Sequences at once. */
  readonly sequences: string;
  /** Tokens of one step. */
  readonly tokens: string;
  /** Cards over which one instance is split. */
  readonly ranks: string | null;
  /** Share of memory: of the device's total, or of what is free; null: the engine allocates what its length asks for. */
  readonly share: string | null;
  /** Number format of the KV cache. */
  readonly kvFormat: string;
  readonly blockSize: string | null;
  readonly prefixCaching: string | null;
}

/** A start that did not get through, or does not surely. */
export interface Shortfall {
  readonly request: PlanRequest;
  readonly planned: Plan;
  /** Where it ended; null: unknown. */
  readonly failure: FailureKind | null;
  /** The longest request that the engine itself suggests; null: it suggests none. */
  readonly suggestedLength: number | null;
  /** Bytes that a log shows were lacking on the device; 0 where nothing tells. */
  readonly lackingBytes: number;
}

/** How the engine sizes its KV pool. */
export interface PoolRules {
  /** The largest share that the engine accepts, and still tells from 1. */
  readonly mostShare: number;
  /** Flags that state the size of the pool; a translation replaces all of them. */
  readonly flags: readonly string[];
  /** Those of them that state it absolutely, whatever the card has. */
  readonly absoluteFlags: readonly string[];
  /** The pool is the share's bytes cut to whole blocks, so that some of a share may be lost. */
  readonly cutsShareToBlocks: boolean;
  /** Flags that state a pool of these bytes absolutely; null where this start has none. */
  absolute(bytes: number, bare: Plan): FlagChanges | null;
}

export interface StartOutcome {
  readonly starts: boolean;
  readonly why: string;
}

/** One way to let several copies start: candidates, the best first, of which the first that lets all start is shown. */
export interface CopyWay {
  readonly why: string;
  /** What to change by place in the order of starts; one element: the same for every place. */
  readonly candidates: Iterable<readonly Step[]>;
}

/** How several starts on one device bill one another. */
export interface CopyRules {
  /** Advice on the order of starts, a sentence. */
  readonly note: string;
  /** An instance fills a share of the device's total, however little is free: together they may ask for more than there is. */
  readonly fillsShareOfTotal: boolean;
  /** Bytes that a started instance holds on each device. */
  heldBytes(plan: Plan): number;
  /** One start among others at the same moment, at the worst. `others`: the plan of each of them alone. */
  startAmong(request: PlanRequest, alone: Plan, others: readonly Plan[]): StartOutcome;
  /** Ways to start `wanted` copies of a start, the best first. `planned`: its plan alone. */
  ways(request: PlanRequest, planned: Plan, wanted: number): readonly CopyWay[];
}

/** A value of a flag in words that all engines share; null: there is none. */
export interface Equivalent {
  readonly value: FlagValue | null;
  /** Where the meaning shifts. */
  readonly remark?: string;
}

/** What a flag of one engine is in the words that all engines share. */
export interface FlagEquivalent {
  readonly flag: string;
  /** The shared value of what was typed; without it the value is taken as it is. */
  read?(value: FlagValue, plan: Plan): Equivalent;
  /** The engine's own value; without it the shared value is taken as it is. `bare`: its plan without flags of the pool. */
  write?(value: FlagValue, bare: Plan): Equivalent;
}

/** What flags do, in the words that all engines share. */
export type Concept =
  | "length"
  | "sequences"
  | "tokens"
  | "blockSize"
  | "kvFormat"
  | "weightFormat"
  | "dtype"
  | "ranks"
  | "dataParallel"
  | "contextParallel"
  | "prefixCaching"
  | "eager"
  | "captureSizes"
  | "languageModelOnly"
  | "expertBalancing"
  | "remoteCode"
  | "noMetrics"
  | "configOverrides"
  | "revision"
  | "downloadFolder"
  | "chatTemplate"
  | "servedName"
  | "host"
  | "port"
  | "apiKey";

/** How starts are translated into another engine's. */
export interface TranslationRules {
  readonly equivalents: Readonly<Partial<Record<Concept, FlagEquivalent>>>;
  /** Why a flag of another engine has no equivalent here, where there is more to say than that. */
  readonly lacks: Readonly<Record<string, string>>;
  /** Why a flag of this engine has no equivalent anywhere. */
  readonly own: Readonly<Record<string, string>>;
}

/** What the engine prints while it starts, and how that is understood. */
export interface LogRules {
  /** Words that only this engine writes. */
  readonly marks: RegExp;
  read(lines: readonly string[]): LogFacts;
  /** A version whose rules print such lines, for a log that names none; null: the newest. */
  likelyVersion(facts: LogFacts): string | null;
  /** Components of the start that the log tells, for `PlanRequest.measured`. */
  measuredBytes(facts: LogFacts, planned: Plan): MeasuredBytes;
  /** Why it ended, in sentences with both numbers. */
  cause(failure: FailureKind, facts: LogFacts, plan: Plan | null): readonly string[];
  /** True where a changed start that fits would also get past this failure. */
  getsPast(failure: FailureKind, changed: Plan, failed: Shortfall): boolean;
  /** Phases that this engine has under another name than most. */
  readonly phaseNames?: Readonly<Partial<Record<FailureKind, string>>>;
}

/** One engine's rules. */
export interface EngineRules {
  readonly id: string;
  /** The engine's name in sentences. */
  readonly title: string;
  readonly newestVersion: string;
  /** Graphics cards, the processors and the memory of a machine, or a card where there is one. */
  readonly runsOn: "cards" | "processors" | "either";
  readonly flags: readonly FlagSpec[];
  readonly command: CommandRules;
  readonly roles: FlagRoles;
  readonly pool: PoolRules;
  readonly copies: CopyRules;
  readonly translation: TranslationRules;
  /** Plans one start; suggestions are added by whoever asks for them. */
  plan(request: PlanRequest): Plan;
  /** Ways out of a shortfall, likeliest first. */
  remedies(shortfall: Shortfall): readonly Remedy[];
  /**
   * What a search for flags may vary, besides cards and weights: lists of values from least to most costly, the most
   * costly list first. `isWide`: every value instead of the few that usually decide.
   */
  searched(isWide: boolean): readonly (readonly Step[])[];
}
