/**
 * @module The inverse: flags under which an engine serves so many requests of such a length.
 *
 * Order of preference, first what costs a user least: no change of precision before fp8 KV, before quantised weights, before
 * more cards; inside each, the longest length and the smallest share that still serves what was asked.
 */
import { PagodaError } from "../core/errors.ts";
import { plan } from "./engines.ts";
import type { FlagValues, Plan, PlanRequest } from "./plan.ts";

export interface FitWish {
  /** Requests at once. */
  readonly users: number;
  /** Tokens of each, prompt and answer together. */
  readonly contextTokens: number;
}

export interface FitAnswer {
  readonly flags: FlagValues;
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
}

const numbers = (name: string, values: readonly string[]): Axis[] =>
  values.map((value) => ({ label: `${name} ${value}`, flags: { [name]: value } }));

/** Choices of each engine, each list from least to most costly; the product of all lists is searched in that order. */
function axesOf(request: PlanRequest): readonly (readonly Axis[])[] {
  const none: Axis = { label: "as it is", flags: {} };
  if (request.engine === "lmdeploy")
    return [
      [none, ...numbers("tp", ["2", "4", "8"])],
      [none, ...numbers("quant-policy", ["8", "4"])],
      [none, ...numbers("cache-max-entry-count", ["0.9", "0.7", "0.5", "0.3"])],
      [
        none,
        { label: "smaller warm-up", flags: { "max-prefill-token-num": "2048", "max-batch-size": "32" } },
        { label: "smallest warm-up", flags: { "max-prefill-token-num": "1024", "max-batch-size": "16" } },
      ],
    ];
  return [
    [none, ...numbers("tensor-parallel-size", ["2", "4", "8"])],
    [none, { label: "fp8 KV", flags: { "kv-cache-dtype": "fp8" } }],
    [none, ...numbers("gpu-memory-utilization", ["0.94", "0.96"])],
    [none, ...numbers("max-num-seqs", ["128", "64"])],
  ];
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

function* product(axes: readonly (readonly Axis[])[]): Generator<readonly Axis[]> {
  const [first, ...rest] = axes;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const choice of first) for (const others of product(rest)) yield [choice, ...others];
}

/**
 * Searches flags that serve a wish.
 * @param onTried called after each candidate, for a progress bar.
 */
export function fitPlan(
  request: PlanRequest,
  wish: FitWish,
  onTried: (numTried: number) => void = () => undefined,
): FitResult {
  const base: FlagValues = { ...request.flags, [lengthFlag(request.engine)]: String(wish.contextTokens) };
  const found: FitAnswer[] = [];
  let numTried = 0;
  let lastFailure = "";
  for (const choices of product(axesOf(request))) {
    const added = Object.assign({}, ...choices.map(({ flags }) => flags));
    const clashes = Object.keys(added).some((name) => name in request.flags);
    if (clashes) continue;
    const answer = tryFlags(request, { ...base, ...added });
    onTried(++numTried);
    if (answer === null) continue;
    if (!serves(answer, wish)) {
      lastFailure = failureOf(answer, wish);
      continue;
    }
    found.push({
      flags: { ...base, ...added },
      plan: answer,
      limit: lastFailure === "" ? "nothing: the defaults serve it" : lastFailure,
    });
    if (found.length === 4) break;
  }
  const [best = null, ...alternatives] = found;
  return { best, alternatives, numTried };
}

function failureOf(answer: Plan, wish: FitWish): string {
  if (answer.verdict.kind !== "fits") return answer.verdict.reason;
  const wanted = wish.users * wish.contextTokens;
  return `${answer.kv?.numTokens.expected ?? 0} KV tokens for the ${wanted} that ${wish.users} × ${wish.contextTokens} take`;
}
