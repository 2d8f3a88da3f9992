/** @module A failed start in words: by the planner, where it reads the engine's log, else by what the engine wrote last. */
import { PagodaError } from "../../../core/errors.ts";
import { type Explanation, explainLog, readLog } from "../../../planner/index.ts";
import type { FailedStart, ProcessEnd, StartChange } from "./driver.ts";
import type { EngineStart } from "./engine-start.ts";

/** What is known where nobody says more. */
export function plainEnd({ exitCode, signal }: ProcessEnd): FailedStart {
  const how = signal === null ? `exit code ${exitCode}` : signal;
  return { sentence: `It ended with ${how}, and its output does not say why.`, missing: null, changes: [] };
}

/**
 * What the planner says of the output: the component that lacked memory, and changes that it has computed. null where the
 * output has no line that it knows, or does not say that the start failed.
 */
export function explainedByPlanner(end: ProcessEnd, start: EngineStart, engine: string): FailedStart | null {
  const explanation = explanationOf(end.lastOutput, start, engine);
  if (explanation === null || explanation.cause.missing === null) return null;
  const { sentences, missing } = explanation.cause;
  return {
    sentence: sentences.join(" ") || (explanation.engineMessage ?? ""),
    missing,
    changes: explanation.changes.map(({ flags, why }) => ({ flags, why })),
  };
}

function explanationOf(output: string, start: EngineStart, engine: string): Explanation | null {
  const context = start.explainWith ?? { model: null, device: null, version: start.version, flags: {} };
  try {
    return explainLog(readLog(output, engine), context);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}

/** The flags with values that a sentence suggests: `--max-model-len 2048` in "Use --max-model-len 2048 or …". */
export function changesIn(sentence: string): StartChange[] {
  return [...sentence.matchAll(/(--[a-z][a-z-]*)[ =]([\w.]*\w)/g)].map(([, flag = "", value = ""]) => ({
    flags: [flag, value],
    why: sentence,
  }));
}
