/** @module The start that the words behind `pagoda plan` state: a model with flags, or a whole start command. */
import { PagodaError } from "../../../core/errors.ts";
import { engineAndVersion, flagsOf } from "./flags.ts";
import type { StatedStart } from "./request.ts";

export interface AskedEngine {
  /** The value of --engine. */
  readonly text: string;
  /** Whether --engine was typed. */
  readonly isStated: boolean;
}

/**
 * `MODEL --flag …`, `"vllm serve MODEL --flag …" --flag …` or, without the quotes, `vllm serve MODEL --flag …`.
 * @throws PagodaError `plan_invalid` for words that belong to no flag, and where --engine is not the engine of the command.
 */
export async function statedStart(
  model: string,
  words: readonly string[],
  asked: AskedEngine,
): Promise<StatedStart> {
  const { commandText, knownEngines, parseStartCommand, startsEngine } = await import(
    "../../../planner/index.ts"
  );
  const { engine, version } = engineAndVersion(asked.text);
  if (/\s/.test(model.trim()) && startsEngine(model)) {
    const start = parseStartCommand(model);
    assertEngine(start.engine, asked);
    const flags = { ...start.flags, ...(await flagsOf(words, start.engine)) };
    return { model: start.model, engine: start.engine, flags, version: version ?? start.version };
  }
  const typed = commandText([model, ...words]);
  if (words.length === 0 || !knownEngines.includes(model) || !startsEngine(typed))
    return { model, engine, version, flags: await flagsOf(words, engine) };
  const start = parseStartCommand(typed);
  assertEngine(start.engine, asked);
  return { model: start.model, engine: start.engine, flags: start.flags, version: version ?? start.version };
}

function assertEngine(engine: string, asked: AskedEngine): void {
  if (!asked.isStated || engineAndVersion(asked.text).engine === engine) return;
  throw new PagodaError("plan_invalid", `--engine states ${asked.text}, and the command starts ${engine}.`, {
    param: "engine",
    hint: `Leave --engine out, or use pagoda plan translate --from "…" --to ${asked.text}.`,
  });
}
