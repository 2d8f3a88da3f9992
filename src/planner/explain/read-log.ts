/** @module Recognizes whose start-up output a text is, and reads it. */
import { PagodaError } from "../../core/errors.ts";
import { engineLogs } from "../engines/engine-logs.ts";
import { rulesOf } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { plainLines } from "../log/plain-lines.ts";
import type { LogRules } from "../rules/engine-rules.ts";

/** Engines whose logs are read. */
export const enginesWithLogs: readonly string[] = [...engineLogs.keys()];

/** The rules of the engine of which most lines have a word; null where no line has one. The first engine wins a tie. */
function engineOfLog(lines: readonly string[]): LogRules | null {
  let best: LogRules | null = null;
  let most = 0;
  for (const rules of engineLogs.values()) {
    const numMarks = lines.filter((line) => rules.marks.test(line)).length;
    if (numMarks > most) [best, most] = [rules, numMarks];
  }
  return best;
}

/**
 * The rules that read the logs of an engine.
 * @throws PagodaError `plan_invalid` for an engine whose logs are not read.
 */
export function logRulesOf(engine: string): LogRules {
  const { id, title } = rulesOf(engine);
  const rules = engineLogs.get(id);
  if (rules !== undefined) return rules;
  throw new PagodaError("plan_invalid", `The planner reads no logs of ${title}.`, {
    param: "engine",
    hint: `It reads those of ${enginesWithLogs.join(" and ")}.`,
  });
}

/**
 * Reads a start-up log or traceback.
 * @param engine whose log it is, where the user says so.
 * @throws PagodaError `plan_invalid` where no line of an engine is found.
 */
export function readLog(text: string, engine: string | null = null): LogFacts {
  const lines = plainLines(text);
  if (engine !== null) return logRulesOf(engine).read(lines);
  const found = engineOfLog(lines);
  if (found !== null) return found.read(lines);
  const titles = enginesWithLogs.map((id) => rulesOf(id).title).join(" or of ");
  throw new PagodaError("plan_invalid", `The log holds no line of ${titles}.`, {
    param: "log",
    hint: `Give the start-up output from its first line on, or say whose it is: --engine ${enginesWithLogs[0] ?? ""}.`,
  });
}
