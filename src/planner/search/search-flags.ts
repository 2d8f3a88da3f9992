/**
 * @module The inverse: flags under which an engine serves so many requests of such a length.
 *
 * Order of preference, first what costs a user least: the engine's defaults, then another share, smaller batches, other
 * blocks, fp8 or quantized KV, then the next of the given quantizations of the weights (they are listed in order of
 * preference), and last more cards. The first candidate in that order that serves the wish is the answer.
 */
import { canonicalRequest, planOrNull, rulesOf } from "../engines/engines.ts";
import type { ModelFacts } from "../model/facts.ts";
import { quantizationNamed } from "../model/parse-quantization.ts";
import { changedRequest, type FlagChanges, type Step } from "../plan/change.ts";
import type { FlagValues } from "../plan/flag.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { stepsOf } from "../rules/step-values.ts";

export interface FitWish {
  /** Requests at once. */
  readonly users: number;
  /** Tokens of each, prompt and answer together. */
  readonly contextTokens: number;
}

export interface FitAnswer {
  readonly flags: FlagValues;
  /** Which of the given quantizations the checkpoint must have; null: none were given, the model is as it was named. */
  readonly quantization: string | null;
  readonly plan: Plan;
  /** What stops the next better choice. */
  readonly limit: string;
}

export interface FitResult {
  readonly best: FitAnswer | null;
  /** The next best, with what it costs. */
  readonly alternatives: readonly FitAnswer[];
  readonly numTried: number;
}

interface Axis {
  readonly label: string;
  readonly flags: FlagChanges;
  /** The model in another quantization. */
  readonly model?: ModelFacts;
}

const asItIs: Axis = { label: "as it is", flags: {} };

const axisOf = (steps: readonly Step[]): readonly Axis[] => [
  asItIs,
  ...steps.map(({ flags }) => ({ label: Object.values(flags).join(" "), flags })),
];

/**
 * Choices in lists, each from least to most costly; the product of all lists is searched in that order, the last list
 * fastest: cards, weights, then what the engine lets a search vary.
 */
function axesOf(request: PlanRequest, search: FlagSearch): readonly (readonly Axis[])[] {
  const { roles, searched } = rulesOf(request.engine);
  return [
    roles.ranks === null ? [asItIs] : axisOf(stepsOf(roles.ranks, [2, 4, 8])),
    weightAxis(request.model, search.quantizations ?? []),
    ...searched(search.wide === true).map(axisOf),
  ];
}

/** The model as it would be in each quantization, in the order given; without any, as it is. */
function weightAxis(model: ModelFacts, names: readonly string[]): readonly Axis[] {
  if (names.length === 0) return [asItIs];
  return names.map((name) => ({
    label: name,
    flags: {},
    model: { ...model, quantization: quantizationNamed(name.trim()) },
  }));
}

/** What sets two answers apart enough to name both: cards and precision. */
function kindOf(engine: string, flags: FlagChanges): string {
  const { roles } = rulesOf(engine);
  return [roles.ranks, roles.kvFormat].map((name) => (name === null ? "" : (flags[name] ?? ""))).join(" ");
}

/** True where the pool holds all wished requests at their length. */
function serves(answer: Plan, wish: FitWish): boolean {
  if (answer.verdict.kind !== "fits" || answer.kv === null) return false;
  const blocksEach = Math.ceil(wish.contextTokens / answer.kv.blockSize);
  const perRequest = answer.kv.numGroups === 1 ? blocksEach : Number.NaN;
  if (Number.isNaN(perRequest)) return answer.kv.concurrency.expected >= wish.users;
  return Math.floor((answer.kv.numBlocks.expected - 1) / perRequest) >= wish.users;
}

function* product(axes: readonly (readonly Axis[])[]): Generator<readonly Axis[]> {
  const [first, ...rest] = axes;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const choice of first) for (const others of product(rest)) yield [choice, ...others];
}

export interface FlagSearch {
  /** Quantizations of the weights to choose among, the preferred first. */
  readonly quantizations?: readonly string[];
  /** Every share, batch and block: tens of thousands of candidates. */
  readonly wide?: boolean;
  readonly onTried?: (numTried: number, numCandidates: number) => void;
}

interface Candidate {
  readonly step: Step;
  /** The quantization that the checkpoint must have; null: as named. */
  readonly quantization: string | null;
}

/** Every choice of the axes that sets no flag which the user has stated, in the order of preference. */
function* candidates(request: PlanRequest, axes: readonly (readonly Axis[])[], onTried: () => void) {
  for (const choices of product(axes)) {
    onTried();
    const flags: FlagChanges = Object.assign({}, ...choices.map((choice) => choice.flags));
    if (Object.keys(flags).some((name) => name in request.flags)) continue;
    const weights = choices.find(({ model }) => model !== undefined);
    const model = weights?.model;
    const step: Step = model === undefined ? { flags } : { flags, model };
    yield { step, quantization: weights?.label ?? null } satisfies Candidate;
  }
}

/** Searches flags that serve a wish; the first found is preferred, others differ in cards or precision. */
export function fitPlan(typed: PlanRequest, wish: FitWish, search: FlagSearch = {}): FitResult {
  const stated = canonicalRequest(typed);
  const length = rulesOf(stated.engine).roles.length;
  const base: PlanRequest = { ...stated, flags: { ...stated.flags, [length]: String(wish.contextTokens) } };
  const axes = axesOf(stated, search);
  const numCandidates = axes.reduce((total, axis) => total * axis.length, 1);
  const found = new Map<string, FitAnswer>();
  let numTried = 0;
  let lastFailure = "";
  for (const { step, quantization } of candidates(stated, axes, () =>
    search.onTried?.(++numTried, numCandidates),
  )) {
    const request = changedRequest(base, step);
    const kind = `${quantization} ${kindOf(request.engine, request.flags)}`;
    const plan = found.has(kind) ? null : planOrNull(request);
    if (plan === null) continue;
    if (serves(plan, wish)) {
      const limit = lastFailure === "" ? "nothing: it serves as it is" : lastFailure;
      found.set(kind, { flags: request.flags, quantization, plan, limit });
    } else if (found.size === 0) lastFailure = failureOf(plan, wish);
  }
  const [best = null, ...alternatives] = found.values();
  return { best, alternatives: alternatives.slice(0, 3), numTried };
}

function failureOf(answer: Plan, wish: FitWish): string {
  if (answer.verdict.kind !== "fits") return answer.verdict.reason;
  const wanted = wish.users * wish.contextTokens;
  return `${answer.kv?.numTokens.expected ?? 0} KV tokens for the ${wanted} that ${wish.users} × ${wish.contextTokens} take`;
}
