/** @module One case against its log: arithmetic, weights, available KV, verdict; each with the room print rounding leaves. */
import { type Plan, type PlanRequest, plan } from "../../src/planner/index.ts";
import type { LogCase, PreparedCase } from "./cases.ts";

const gib = 2 ** 30;
/** A printed GiB with two decimals hides half a hundredth on either side. */
const printRounding = 0.005 * gib;

export interface Arithmetic {
  readonly what: "tokens" | "blocks" | "concurrency" | "bytesPerToken";
  readonly isExact: boolean;
  readonly ours: string;
  readonly theirs: number;
}

export interface Judgement {
  readonly row: LogCase;
  readonly isComplete: boolean;
  readonly assumed: readonly string[];
  readonly arithmetic: readonly Arithmetic[];
  /** Share of the true weights; null where the log does not print them. */
  readonly weightsError: number | null;
  readonly kv: KvJudgement | null;
  readonly verdict: VerdictJudgement | null;
  readonly worstComponent: string;
}

export interface KvJudgement {
  readonly predictedBytes: number;
  readonly trueBytes: number;
  readonly errorOfTotal: number;
  readonly errorOfKv: number;
  readonly isInside: boolean;
  readonly widthOfTotal: number;
}

export interface VerdictJudgement {
  readonly ours: string;
  readonly theirs: string;
  readonly isRight: boolean;
}

/** The planner's refusals carry a code; anything else is a bug and must be seen. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "plan_invalid" || error.code === "model_unsupported")
  );
}

/** A plan, or null where the planner refuses the start. */
function planned(request: PlanRequest): Plan | null {
  try {
    return plan(request);
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

function trueKvBytes(row: LogCase): number | null {
  const { available_kv_bytes: exact, available_kv_gib: printed } = row.outcome;
  return exact ?? (printed === null ? null : printed * gib);
}

/** Plans with the available bytes of the log, at both ends of its rounding, and compares what follows from them. */
function arithmeticOf(request: PlanRequest, row: LogCase): Arithmetic[] {
  const { outcome } = row;
  const found: Arithmetic[] = [];
  const bytes = trueKvBytes(row);
  if (bytes !== null && bytes > 0) {
    // SGLang prints keys and values apart, each rounded.
    const roundings = row.engine === "sglang" ? 2 : 1;
    const rounding = outcome.available_kv_bytes === null ? roundings * printRounding : 0;
    const given = planned({
      ...request,
      measured: {
        availableKv: {
          lowBytes: bytes - rounding,
          expectedBytes: bytes,
          highBytes: bytes + rounding,
          evidence: { kind: "measured", why: "log" },
        },
      },
    });
    const kv = given?.kv ?? null;
    if (kv !== null && kv.numTokens.high > 0) {
      if (outcome.kv_tokens !== null) found.push(within("tokens", kv.numTokens, outcome.kv_tokens, 0));
      if (outcome.num_gpu_blocks !== null)
        found.push(within("blocks", kv.numBlocks, outcome.num_gpu_blocks, 0));
      if (outcome.max_concurrency !== null)
        found.push(within("concurrency", kv.concurrency, outcome.max_concurrency, 0.0051));
    }
  }
  if (outcome.num_gpu_blocks !== null && outcome.num_gpu_blocks > 0 && row.engine === "vllm") {
    const blocks = outcome.num_gpu_blocks;
    const given = plan({
      ...request,
      flags: { ...request.flags, "num-gpu-blocks-override": String(blocks) },
    });
    const { kv } = given;
    if (kv !== null && kv.numBlocks.expected === blocks) {
      if (outcome.kv_tokens !== null) found.push(within("tokens", kv.numTokens, outcome.kv_tokens, 0));
      if (outcome.max_concurrency !== null)
        found.push(within("concurrency", kv.concurrency, outcome.max_concurrency, 0.0051));
    }
  }
  const perToken = row.kv_bytes_per_token_per_gpu;
  if (perToken !== null && perToken !== undefined) {
    const ours = planned(request)?.kv?.bytesPerToken ?? 0;
    found.push({
      what: "bytesPerToken",
      isExact: Math.abs(ours - perToken) <= 1,
      ours: String(ours),
      theirs: perToken,
    });
  }
  return found;
}

function within(
  what: Arithmetic["what"],
  range: { readonly low: number; readonly high: number },
  theirs: number,
  slack: number,
): Arithmetic {
  return {
    what,
    isExact: theirs >= range.low - slack && theirs <= range.high + slack,
    ours: range.low === range.high ? String(range.low) : `${range.low} to ${range.high}`,
    theirs,
  };
}

function weightsErrorOf(answer: Plan, row: LogCase): number | null {
  const ours = answer.components.find(({ name }) => name === "weights")?.quantity.expectedBytes;
  if (ours === undefined || row.outcome.weights_gib === null) return null;
  return Math.abs(ours / gib - row.outcome.weights_gib) / row.outcome.weights_gib;
}

function kvOf(answer: Plan, row: LogCase): KvJudgement | null {
  const trueBytes = trueKvBytes(row);
  const available = answer.kv?.available;
  if (trueBytes === null || available === undefined) return null;
  const total = answer.total.expectedBytes;
  const error = Math.abs(available.expectedBytes - trueBytes);
  return {
    predictedBytes: available.expectedBytes,
    trueBytes,
    errorOfTotal: error / total,
    errorOfKv: error / Math.max(Math.abs(trueBytes), 1),
    isInside:
      trueBytes >= available.lowBytes - printRounding && trueBytes <= available.highBytes + printRounding,
    widthOfTotal: (available.highBytes - available.lowBytes) / total,
  };
}

/** The component whose printed value is farthest from ours. */
function worstComponentOf(answer: Plan, row: LogCase): string {
  const printed = {
    weights: row.outcome.weights_gib,
    activations: row.outcome.activation_gib,
    persistent: row.outcome.non_torch_gib,
  } as const;
  let worst = "not printed";
  let largest = -1;
  for (const [name, value] of Object.entries(printed)) {
    const ours = answer.components.find((component) => component.name === name)?.quantity.expectedBytes;
    if (value === null || ours === undefined) continue;
    const gap = ours / gib - value;
    if (Math.abs(gap) > largest)
      [largest, worst] = [Math.abs(gap), `${name} ${gap >= 0 ? "+" : ""}${gap.toFixed(2)} GiB`];
  }
  return worst;
}

function verdictOf(ours: string, row: LogCase): VerdictJudgement | null {
  const { ended } = row.outcome;
  if (ended === "unknown") return null;
  const theirs = ended === "started" ? "fits" : ended === "died" ? "dies" : "refused";
  // A start that the engine refuses and one that dies are told apart; both are "does not start" to the user.
  return { ours, theirs, isRight: ours === theirs };
}

/** Judges a prepared case; a refusal by the planner is a verdict too. */
export function judge(prepared: PreparedCase & { readonly kind: "ready" }): Judgement {
  const { row, request, isComplete, assumed, hasDevice } = prepared;
  const base = { row, isComplete, assumed };
  const answer = planned(request);
  if (answer === null)
    return {
      ...base,
      arithmetic: [],
      weightsError: null,
      kv: null,
      verdict: verdictOf("refused", row),
      worstComponent: "none",
    };
  const isVllm = row.engine === "vllm";
  return {
    ...base,
    arithmetic: arithmeticOf(request, row),
    weightsError: isVllm ? weightsErrorOf(answer, row) : null,
    kv: hasDevice && isVllm ? kvOf(answer, row) : null,
    verdict: hasDevice ? verdictOf(answer.verdict.kind, row) : null,
    worstComponent: worstComponentOf(answer, row),
  };
}
