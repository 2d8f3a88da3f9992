/** @module A failed start in words: by the planner, where it reads the engine's log, and by what the engine wrote last. */
import { PagodaError } from "../../../core/errors.ts";
import { type Explanation, enginesWithLogs, explainLog, readLog } from "../../../planner/index.ts";
import type { FailedStart, ProcessEnd } from "./driver.ts";
import type { EngineStart } from "./engine-start.ts";
import { type Remedy, remedyFor } from "./remedies.ts";

interface Failure {
  readonly end: ProcessEnd;
  readonly start: EngineStart;
  readonly engine: string;
  /** The engine's name in sentences. */
  readonly title: string;
  /** The engine's own sentence; null where none was found. */
  readonly said: string | null;
  readonly remedies: readonly Remedy[];
}

/**
 * The planner knows the components and computes changes; the engine's own table knows settings, names and the sizes that
 * the engine itself prints. A change of the planner's comes first, because it was computed with the whole start.
 */
export function explainedBy(failure: Failure): FailedStart {
  const { end, start, title, said, remedies } = failure;
  const planned = byPlanner(failure);
  if (said === null) return planned ?? plainEnd(end);
  const found = remedyFor(said, `${title} says: ${said}`, remedies, start);
  const own: FailedStart = {
    sentence: `${title} says: ${said}`,
    missing: found?.missing ?? "setting",
    changes: found?.changes ?? [],
  };
  // Of a setting the planner has the engine's sentence and no more.
  if (planned === null || planned.missing === "setting") return own;
  return planned.changes.length > 0 ? planned : { ...planned, changes: own.changes };
}

/** What is known where nobody says more. */
export function plainEnd({ exitCode, signal }: ProcessEnd): FailedStart {
  const how = signal === null ? `exit code ${exitCode}` : signal;
  return { sentence: `It ended with ${how}, and its output does not say why.`, missing: null, changes: [] };
}

/** null where the output has no line that the planner knows, or does not say that the start failed for memory. */
function byPlanner({ end, start, engine, said }: Failure): FailedStart | null {
  const explanation = explanationOf(end.lastOutput, start, engine);
  if (explanation === null || explanation.cause.missing === null) return null;
  const { sentences, missing } = explanation.cause;
  return {
    sentence: sentences.join(" ") || (explanation.engineMessage ?? said ?? ""),
    missing,
    changes: explanation.changes.map(({ flags, why }) => ({ flags, why })),
  };
}

function explanationOf(output: string, start: EngineStart, engine: string): Explanation | null {
  if (!enginesWithLogs.includes(engine)) return null;
  const context = start.explainWith ?? { model: null, device: null, version: start.version, flags: {} };
  try {
    return explainLog(readLog(output, engine), context);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}
