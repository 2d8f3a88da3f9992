/** @module A start-up log explained: what each component took, against what the planner computes, why it failed, what to change. */
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { planOrNull, planStart } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { deepFreeze, type Plan, type Suggestion } from "../plan/plan.ts";
import { type Cause, causeOf } from "./cause.ts";
import { smallestChanges } from "./changes.ts";
import { componentsOf, type ExplainedComponent } from "./components.ts";
import { credibleFacts } from "./credible.ts";
import { differenceSentences, tokenSentence } from "./differences.ts";
import { endingSentences } from "./ending.ts";
import { type ExplainContext, heldByOthers, measuredStart, requestOfLog } from "./measured-start.ts";
import { poolOfLog } from "./pool-of-log.ts";
import { logRulesOf } from "./read-log.ts";
import type { MeasuredStart } from "./trial.ts";

export type StartOutcome = "started" | "refused" | "died" | "unknown";

export interface Explanation {
  readonly schema: "pagoda.explanation/1";
  readonly engine: string;
  readonly version: string | null;
  readonly runner: string | null;
  readonly model: string | null;
  readonly device: string | null;
  readonly outcome: StartOutcome;
  readonly engineMessage: string | null;
  readonly cause: Cause;
  readonly components: readonly ExplainedComponent[];
  readonly counts: LogFacts["counts"];
  readonly changes: readonly Suggestion[];
  readonly notes: readonly string[];
  /** The start as planned with the log's figures; null where model or device are unknown. */
  readonly plan: Plan | null;
}

const died: ReadonlySet<string> = new Set([
  "context",
  "weights",
  "repacking",
  "activations",
  "sampler",
  "kvAllocation",
  "graphCapture",
  "warmUp",
  "serving",
  "outOfMemory",
  "warmUpStall",
]);

function outcomeOf(facts: LogFacts): StartOutcome {
  if (facts.failure !== null) return died.has(facts.failure.kind) ? "died" : "refused";
  return facts.hasStarted ? "started" : "unknown";
}

/** What the planner itself finds wrong with the flags, and what to write instead; null where it finds nothing. */
function refusalOf(facts: LogFacts, context: ExplainContext): string | null {
  const request = requestOfLog(facts, context);
  if (request === null) return null;
  try {
    planStart(request);
    return null;
  } catch (error) {
    if (error instanceof PagodaError) return [error.message, error.hint ?? ""].join(" ").trim();
    throw error;
  }
}

/** The start planned with all that the log measured: its KV memory to the block where it prints tokens. */
function answerOf(facts: LogFacts, start: MeasuredStart): Plan | null {
  const request = { ...start.request, measured: start.parts };
  const printed = facts.figures.availableKv;
  const hasPool = printed !== undefined && printed.expectedBytes > 0 && start.parts.free === undefined;
  if (!hasPool) return planOrNull(request);
  return planOrNull({
    ...request,
    measured: { ...request.measured, availableKv: poolOfLog(facts, request, printed) },
  });
}

/** What the caller may add so that more can be said. */
function openQuestions(facts: LogFacts, context: ExplainContext, measured: MeasuredStart | null): string[] {
  const notes: string[] = [];
  const held = heldByOthers(facts);
  if (held > 0)
    notes.push(
      `nvidia-smi beside the log shows ${formatBytes(held)} in use: it is taken as held by others when the engine started.`,
    );
  if (context.model === null)
    notes.push("The log names no model that is known: give --model to have changes tried.");
  if (context.device === null) notes.push("The log names no card: give --gpu to have changes tried.");
  const refusal = measured === null ? refusalOf(facts, context) : null;
  if (refusal !== null) notes.push(refusal);
  if (facts.version === null && context.version === null)
    notes.push(
      `The log states no version of the engine: the rules of ${logRulesOf(facts.engine).likelyVersion(facts) ?? "the newest"} were taken. Give --engine NAME@VERSION.`,
    );
  return notes;
}

/**
 * Explains a log. Without a model or a device only what the log itself states is told, and no change can be tried.
 */
export function explainLog(stated: LogFacts, context: ExplainContext): Explanation {
  const { device } = context;
  const facts = credibleFacts(stated, device?.total.highBytes ?? null);
  const rules = logRulesOf(facts.engine);
  const measured = measuredStart(facts, context);
  const answer = measured === null ? null : answerOf(facts, measured);
  const outcome = outcomeOf(facts);
  const components = componentsOf(facts, measured);
  const cause = causeOf(rules, facts, answer, device?.isUnified === true);
  const ending = outcome === "unknown" ? endingSentences(facts, answer) : [];
  const differences =
    measured === null || answer === null
      ? []
      : [...differenceSentences(components, facts, measured.planned), ...tokenSentence(facts, answer)];
  return deepFreeze({
    schema: "pagoda.explanation/1",
    engine: facts.engine,
    version: context.version ?? facts.version,
    runner: facts.runner,
    model: context.model?.name ?? facts.model,
    device: context.device?.name ?? facts.gpu,
    outcome,
    engineMessage: facts.failure?.message ?? null,
    cause: { ...cause, sentences: [...cause.sentences, ...ending] },
    components,
    counts: facts.counts,
    changes: measured === null ? [] : smallestChanges(rules, facts, measured),
    notes: [...facts.notes, ...differences, ...openQuestions(facts, context, measured)],
    plan: answer,
  });
}
