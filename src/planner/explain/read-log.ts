/** @module Recognizes whose start-up output a text is, and reads it. */
import { PagodaError } from "../../core/errors.ts";
import { engineRules, rulesOf } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { plainLines } from "../log/plain-lines.ts";
import type { EngineRules, LogRules } from "../rules/engine-rules.ts";

interface ReadableEngine extends EngineRules {
  readonly log: LogRules;
}

const hasLog = (rules: EngineRules): rules is ReadableEngine => rules.log !== null;
const readable = engineRules.filter(hasLog);

/** Engines whose logs are read. */
export const enginesWithLogs: readonly string[] = readable.map(({ id }) => id);

/** The engine of which most lines have a word; null where no line has one. The first engine wins a tie. */
function engineOfLog(lines: readonly string[]): ReadableEngine | null {
  let best: ReadableEngine | null = null;
  let most = 0;
  for (const rules of readable) {
    const numMarks = lines.filter((line) => rules.log.marks.test(line)).length;
    if (numMarks > most) [best, most] = [rules, numMarks];
  }
  return best;
}

/**
 * The rules that read the logs of an engine.
 * @throws PagodaError `plan_invalid` for an engine whose logs are not read.
 */
export function logRulesOf(engine: string): LogRules {
  const { log, title } = rulesOf(engine);
  if (log !== null) return log;
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
  if (found !== null) return found.log.read(lines);
  const titles = readable.map(({ title }) => title).join(" or of ");
  throw new PagodaError("plan_invalid", `The log holds no line of ${titles}.`, {
    param: "log",
    hint: `Give the start-up output from its first line on, or say whose it is: --engine ${enginesWithLogs[0] ?? ""}.`,
  });
}
