/** @module What one instance is started with, whichever engine it is. */
import type { ExplainContext } from "../../../planner/index.ts";

export interface EngineStart {
  /**
   * The start as typed, the command in front: what the planner calls `command`, for example
   * `["vllm", "serve", "Qwen/Qwen2.5-7B-Instruct", "--max-model-len", "8192"]`. Host and port are added by the driver.
   */
  readonly words: readonly string[];
  /** What stands in the place of the first word: a path, or an interpreter and a script. Default: the word itself. */
  readonly program?: readonly string[];
  /** The name under which the instance is to serve its model. */
  readonly servedName: string;
  /** Longest request, tokens; null: unknown before it runs. */
  readonly maxModelLen: number | null;
  /** Sequences at once; null: the engine's own default. */
  readonly seats: number | null;
  /** Version of the engine; null: the newest that is known. */
  readonly version: string | null;
  /** Cards that it may see, as the driver of the cards names them; empty: all. */
  readonly deviceIds: readonly string[];
  /** How long running requests may take to finish after SIGTERM, ms. */
  readonly drainMs: number;
  /** Added to the engine's own; undefined takes a variable away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Sent to the instance as a bearer token; absent: it needs none. */
  readonly apiKey?: string;
  /** With which a failed start is explained; null: only by what its output says. */
  readonly explainWith: ExplainContext | null;
}

/** Whether the start names a flag, as `--flag value`, `--flag=value` or a switch; underscores and dashes are the same. */
export function hasFlag(start: EngineStart, ...names: readonly string[]): boolean {
  return flagSpans(start).some(({ name }) => names.includes(name));
}

/** What stands behind a flag; null where it is not named or has no value. The last one wins, as in argparse. */
export function flagValue(start: EngineStart, ...names: readonly string[]): string | null {
  const last = flagSpans(start).findLast(({ name }) => names.includes(name));
  if (last === undefined) return null;
  return last.inline ?? (last.to > last.from + 1 ? (start.words[last.from + 1] ?? null) : null);
}

export interface FlagSpan {
  readonly name: string;
  /** The value in the same word, behind `=`. */
  readonly inline: string | null;
  /** The words of the flag and of its values: from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
}

const isFlag = (word: string): boolean => /^--?[A-Za-z]/.test(word);

/** The flags of a start in their order. */
export function flagSpans({ words }: EngineStart): FlagSpan[] {
  return words.flatMap((word, from): FlagSpan[] => {
    if (!isFlag(word)) return [];
    const equals = word.indexOf("=");
    const typed = equals === -1 ? word : word.slice(0, equals);
    const dashes = typed.startsWith("--") ? "--" : "-";
    const name = `${dashes}${typed.slice(dashes.length).replaceAll("_", "-")}`;
    if (equals !== -1) return [{ name, inline: word.slice(equals + 1), from, to: from + 1 }];
    const next = words.findIndex((following, index) => index > from && isFlag(following));
    return [{ name, inline: null, from, to: next === -1 ? words.length : next }];
  });
}
