/**
 * @module The inverse: flags under which an engine serves so many requests of such a length.
 *
 * Order of preference, first what costs a user least: the engine's defaults, then another share, smaller batches, other
 * blocks, fp8 or quantized KV, then the next of the given quantizations of the weights (a user lists them as he prefers
 * them), and last more cards. The first candidate in that order that serves the wish is the answer.
 */
import { PagodaError } from "../../core/errors.ts";
import { plan } from "../engines/engines.ts";
import type { ModelFacts } from "../model/facts.ts";
import { quantizationNamed } from "../model/parse-quantization.ts";
import type { FlagValues, Plan, PlanRequest } from "../plan/plan.ts";

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
  readonly flags: FlagValues;
  /** The model in another quantization. */
  readonly model?: ModelFacts;
}

const numbers = (name: string, values: readonly string[]): Axis[] =>
  values.map((value) => ({ label: `${name} ${value}`, flags: { [name]: value } }));

const none: Axis = { label: "as it is", flags: {} };
const shares = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, step) => ((from + step) / 100).toFixed(2));

/**
 * Choices of each engine, each list from least to most costly; the product of all lists is searched in that order, the last
 * list fastest. `wide` looks at every share, batch and block instead of the few that usually decide.
 */
function axesOf(request: PlanRequest, search: FitSearch): readonly (readonly Axis[])[] {
  const wide = search.wide === true;
  const weights = weightAxis(request.model, search.quantizations ?? []);
  if (request.engine === "lmdeploy") {
    const batches = wide ? ["256", "128", "64", "32", "16", "8"] : ["32", "16"];
    const prefills = wide ? ["8192", "4096", "2048", "1024", "512"] : ["2048", "1024"];
    return [
      [none, ...numbers("tp", ["2", "4", "8"])],
      weights,
      [none, ...numbers("quant-policy", ["8", "4"])],
      [none, ...numbers("max-batch-size", batches)],
      [none, ...numbers("max-prefill-token-num", prefills)],
      [none, ...numbers("cache-max-entry-count", wide ? shares(20, 95) : ["0.9", "0.7", "0.5", "0.3"])],
    ];
  }
  return [
    [none, ...numbers("tensor-parallel-size", ["2", "4", "8"])],
    weights,
    [none, { label: "fp8 KV", flags: { "kv-cache-dtype": "fp8" } }],
    [none, ...(wide ? numbers("block-size", ["32", "64"]) : [])],
    [none, ...numbers("max-num-seqs", wide ? ["512", "256", "128", "64", "32", "16"] : ["128", "64"])],
    [none, ...(wide ? numbers("max-num-batched-tokens", ["8192", "4096", "2048", "1024"]) : [])],
    [none, ...numbers("gpu-memory-utilization", wide ? shares(30, 97) : ["0.94", "0.96"])],
  ];
}

/** The model as it would be in each quantization, in the order given; without any, as it is. */
function weightAxis(model: ModelFacts, names: readonly string[]): readonly Axis[] {
  if (names.length === 0) return [none];
  return names.map((name) => ({
    label: name,
    flags: {},
    model: { ...model, quantization: quantizationNamed(name.trim()) },
  }));
}

/** What sets two answers apart enough to name both: cards and precision. */
function kindOf(flags: FlagValues): string {
  return ["tensor-parallel-size", "tp", "kv-cache-dtype", "quant-policy"]
    .map((name) => flags[name] ?? "")
    .join(" ");
}

function lengthFlag(engine: string): string {
  return engine === "lmdeploy" ? "session-len" : "max-model-len";
}

/** True where the pool holds all wished requests at their length. */
function serves(answer: Plan, wish: FitWish): boolean {
  if (answer.verdict.kind !== "fits" || answer.kv === null) return false;
  const blocksEach = Math.ceil(wish.contextTokens / answer.kv.blockSize);
  const perRequest = answer.kv.numGroups === 1 ? blocksEach : Number.NaN;
  if (Number.isNaN(perRequest)) return answer.kv.concurrency.expected >= wish.users;
  return Math.floor((answer.kv.numBlocks.expected - 1) / perRequest) >= wish.users;
}

function tryFlags(request: PlanRequest, flags: FlagValues): Plan | null {
  try {
    return plan({ ...request, flags });
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}

/** The request for another checkpoint of the model: what was stored in the named one says nothing of it. */
function inQuantization(request: PlanRequest, model: ModelFacts | undefined): PlanRequest {
  if (model === undefined) return request;
  const { storedWeightsBytes: _stored, ...others } = request;
  return { ...others, model };
}

function* product(axes: readonly (readonly Axis[])[]): Generator<readonly Axis[]> {
  const [first, ...rest] = axes;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const choice of first) for (const others of product(rest)) yield [choice, ...others];
}

export interface FitSearch {
  /** Quantizations of the weights to choose among, the preferred first. */
  readonly quantizations?: readonly string[];
  /** Every share, batch and block: tens of thousands of candidates. */
  readonly wide?: boolean;
  readonly onTried?: (numTried: number, numCandidates: number) => void;
}

/** Searches flags that serve a wish; the first found is preferred, others differ in cards or precision. */
export function fitPlan(request: PlanRequest, wish: FitWish, search: FitSearch = {}): FitResult {
  const base: FlagValues = { ...request.flags, [lengthFlag(request.engine)]: String(wish.contextTokens) };
  const axes = axesOf(request, search);
  const numCandidates = axes.reduce((total, axis) => total * axis.length, 1);
  const found = new Map<string, FitAnswer>();
  let numTried = 0;
  let lastFailure = "";
  for (const choices of product(axes)) {
    const added: FlagValues = Object.assign({}, ...choices.map(({ flags }) => flags));
    search.onTried?.(++numTried, numCandidates);
    const weights = choices.find(({ model }) => model !== undefined);
    const quantization = weights?.label ?? null;
    const kind = `${quantization} ${kindOf({ ...base, ...added })}`;
    if (found.has(kind) || Object.keys(added).some((name) => name in request.flags)) continue;
    const answer = tryFlags(inQuantization(request, weights?.model), { ...base, ...added });
    if (answer === null) continue;
    if (serves(answer, wish)) {
      const limit = lastFailure === "" ? "nothing: it serves as it is" : lastFailure;
      found.set(kind, { flags: { ...base, ...added }, quantization, plan: answer, limit });
    } else if (found.size === 0) lastFailure = failureOf(answer, wish);
  }
  const [best = null, ...alternatives] = found.values();
  return { best, alternatives: alternatives.slice(0, 3), numTried };
}

function failureOf(answer: Plan, wish: FitWish): string {
  if (answer.verdict.kind !== "fits") return answer.verdict.reason;
  const wanted = wish.users * wish.contextTokens;
  return `${answer.kv?.numTokens.expected ?? 0} KV tokens for the ${wanted} that ${wish.users} × ${wish.contextTokens} take`;
}
