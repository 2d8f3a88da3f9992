/** @module The start command of an engine as people type it: words of a shell, engine, model, flags. */
import { PagodaError } from "../../core/errors.ts";
import type { FlagValues } from "../plan/plan.ts";

export type TranslatedEngine = "vllm" | "lmdeploy";

export interface StartCommand {
  readonly engine: TranslatedEngine;
  readonly model: string;
  readonly flags: FlagValues;
}

/**
 * Splits a command as a POSIX shell does: single quotes keep everything, double quotes know the backslash, and a
 * backslash at a line's end joins lines.
 * @throws PagodaError `plan_invalid` for a quote that is never closed.
 */
export function shellWords(command: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  const text = command.replaceAll(/\\\r?\n/g, " ");
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? "";
    const isEscape = letter === "\\" && quote !== "'";
    if (isEscape) word = (word ?? "") + (text[++at] ?? "");
    else if (letter === quote) quote = null;
    else if (quote === null && (letter === "'" || letter === '"')) [quote, word] = [letter, word ?? ""];
    else if (quote === null && /\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + letter;
  }
  if (quote !== null)
    throw new PagodaError("plan_invalid", `The command has a ${quote} that is never closed.`, {
      param: "from",
      hint: "Quote the whole command once, and its parts with the other kind of quote.",
    });
  if (word !== null) words.push(word);
  return words;
}

const starts: readonly (readonly [TranslatedEngine, readonly string[]])[] = [
  ["vllm", ["vllm", "serve"]],
  ["vllm", ["vllm.entrypoints.openai.api_server"]],
  ["lmdeploy", ["lmdeploy", "serve", "api_server"]],
  ["lmdeploy", ["lmdeploy", "chat"]],
];

function startOf(words: readonly string[]): {
  readonly engine: TranslatedEngine;
  readonly rest: readonly string[];
} {
  for (const [engine, sequence] of starts) {
    const at = words.findIndex((_, index) =>
      sequence.every((word, offset) => words[index + offset] === word),
    );
    if (at >= 0) return { engine, rest: words.slice(at + sequence.length) };
  }
  throw new PagodaError("plan_invalid", "The command starts neither vLLM nor LMDeploy.", {
    param: "from",
    hint: 'Write it as typed: "vllm serve MODEL --flag value", or "lmdeploy serve api_server MODEL --flag value".',
  });
}

function isFlag(word: string | undefined): boolean {
  return word !== undefined && /^--?[A-Za-z]/.test(word);
}

/**
 * Reads a start command. Environment settings and `python -m` in front are passed over; a flag takes all words up to the
 * next flag.
 * @throws PagodaError `plan_invalid` where the engine or the model is missing.
 */
export function parseStartCommand(command: string): StartCommand {
  const { engine, rest } = startOf(shellWords(command));
  const flags: Record<string, string | true> = {};
  let model: string | null = isFlag(rest[0]) ? null : (rest[0] ?? null);
  for (let at = model === null ? 0 : 1; at < rest.length; at++) {
    const [typed = "", ...inline] = (rest[at] ?? "").split("=");
    const values: string[] = inline.length > 0 ? [inline.join("=")] : [];
    if (!isFlag(typed)) {
      model ??= typed;
      continue;
    }
    while (inline.length === 0 && at + 1 < rest.length && !isFlag(rest[at + 1]))
      values.push(rest[++at] ?? "");
    flags[typed.replace(/^-+/, "").replaceAll("_", "-")] = values.length === 0 ? true : values.join(" ");
  }
  const { model: named, ...others } = flags;
  model ??= typeof named === "string" ? named : null;
  if (model !== null) return { engine, model, flags: others };
  throw new PagodaError("plan_invalid", "The command names no model.", {
    param: "from",
    hint: "Put the model behind serve, as the engine wants it.",
  });
}
