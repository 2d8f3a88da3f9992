/**
 * @module The start command of an engine as people type and paste it: environment in front, `python -m`, `docker run`,
 * line continuations, pipes behind.
 */
import { PagodaError } from "../../core/errors.ts";
import { engineRules, knownEngines } from "../engines/engines.ts";
import type { FlagValues } from "../plan/flag.ts";
import type { CommandRules, EngineRules } from "../rules/engine-rules.ts";
import { type CommandWords, shellCommands } from "./shell-words.ts";
import { typedFlags } from "./typed-flags.ts";

export interface StartCommand {
  readonly engine: string;
  /** The version that an image's tag names; null where none does. */
  readonly version: string | null;
  readonly model: string;
  readonly flags: FlagValues;
  /** Variables set in front of the command, or by `docker run -e`. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Found {
  readonly rules: EngineRules;
  readonly version: string | null;
  /** Words before and behind what starts the engine. */
  readonly before: CommandWords;
  readonly rest: CommandWords;
}

/**
 * Reads the first command of a text that starts an engine.
 * @throws PagodaError `plan_invalid` where no engine is started, no model is named, or a word belongs to no flag.
 */
export function parseStartCommand(text: string): StartCommand {
  const commands = shellCommands(text).flatMap(innerCommands);
  for (const [index, words] of commands.entries()) {
    const found = findStart(words);
    if (found === null) continue;
    const earlier = commands.slice(0, index).flat();
    return startOf(found, environmentOf([...earlier, ...found.before]), text);
  }
  throw new PagodaError("plan_invalid", `The command starts none of ${knownEngines.join(", ")}.`, {
    param: "command",
    hint: `Write it as typed, for example "${engineRules[0]?.command.example ?? ""}".`,
  });
}

/** Whether a command of the text starts an engine that the planner knows. */
export function startsEngine(text: string): boolean {
  return shellCommands(text)
    .flatMap(innerCommands)
    .some((words) => findStart(words) !== null);
}

const isShell = (word: string): boolean => /(^|\/)(ba|da|z)?sh$/.test(word);

/** `bash -lc "vllm serve …"` runs the commands of its text; a shell without `-c` is left as it is. */
function innerCommands(words: CommandWords): readonly CommandWords[] {
  const shell = words.findIndex(isShell);
  const option = words[shell + 1] ?? "";
  const script = words[shell + 2];
  if (shell < 0 || script === undefined || !/^-[a-z]*c$/.test(option)) return [words];
  const [first = [], ...others] = shellCommands(script);
  return [[...words.slice(0, shell), ...first], ...others];
}

function findStart(words: CommandWords): Found | null {
  for (const rules of engineRules) {
    const { starts, images } = rules.command;
    for (const start of starts) {
      const at = words.findIndex((_, index) =>
        start.every((word, offset) => isSameWord(words[index + offset], word)),
      );
      if (at >= 0) {
        const before = words.slice(0, at);
        return { rules, version: imageVersion(before, images), before, rest: words.slice(at + start.length) };
      }
    }
  }
  return findImage(words);
}

/** `docker run … IMAGE flags`: an image whose entry point is the engine takes its flags directly. */
function findImage(words: CommandWords): Found | null {
  for (const rules of engineRules)
    for (const image of rules.command.images) {
      const at = words.findIndex((word) => image.test(word));
      if (at < 0) continue;
      const before = words.slice(0, at + 1);
      return { rules, version: imageVersion(before, [image]), before, rest: words.slice(at + 1) };
    }
  return null;
}

/** `/opt/venv/bin/vllm` is `vllm`. */
function isSameWord(word: string | undefined, name: string): boolean {
  return word === name || word?.endsWith(`/${name}`) === true;
}

/** The tag of an image: `vllm/vllm-openai:v0.11.0` → 0.11.0. */
function imageVersion(words: CommandWords, images: CommandRules["images"]): string | null {
  const image = words.find((word) => images.some((pattern) => pattern.test(word)));
  return /:v?(\d+\.\d+(?:\.\d+)?)/.exec(image ?? "")?.[1] ?? null;
}

/** `NAME=value` in front, behind `export`, `env` or `-e`. */
function environmentOf(words: CommandWords): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const word of words) {
    const [, name, value = ""] = /^(?:-e|--env=)?([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined) environment[name] = value;
  }
  return environment;
}

function startOf(
  { rules, version, rest }: Found,
  environment: Record<string, string>,
  text: string,
): StartCommand {
  const { flags, positional } = typedFlags(rest, rules.flags);
  const { model: named, "model-path": path, "hf-repo": repository, ...others } = flags;
  const stated = [named, path, repository].find((value) => typeof value === "string");
  const [first, ...stray] = typeof stated === "string" ? [stated, ...positional] : positional;
  if (first === undefined)
    throw new PagodaError("plan_invalid", `The command names no model: "${text.trim().slice(0, 200)}".`, {
      param: "command",
      hint: `Put the model where the engine wants it, as in "${rules.command.example}".`,
    });
  const [extra] = stray;
  if (extra !== undefined) throw strayWord(extra);
  return { engine: rules.id, version, model: first, flags: others, environment };
}

/** A word that no flag takes. */
export function strayWord(word: string): PagodaError {
  return new PagodaError("plan_invalid", `"${word}" belongs to no flag.`, {
    hint: "Write flags as --name value, and quote values that have spaces.",
  });
}
