/** @module What `pagoda run` was given: a model, a prompt, both, or neither. */
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { PagodaError } from "../../core/errors.ts";
import { namesModel } from "../../model/source/settings/model-name.ts";

export interface RunArguments {
  /** null: the default model. */
  readonly model: string | null;
  /** undefined: to be read from standard input. */
  readonly prompt: string | undefined;
}

/** Of one argument alone it is found out which it is. `modelFlag` is what `--model` says, null without it. */
export function runArguments(
  first: string | undefined,
  second: string | undefined,
  modelFlag: string | null,
): RunArguments {
  if (modelFlag !== null) {
    if (second === undefined) return { model: modelFlag, prompt: first };
    throw new PagodaError("invalid_option", `The model is given twice: ${first} and --model ${modelFlag}.`, {
      hint: "Give it once.",
    });
  }
  if (first !== undefined && second !== undefined) return modelAndPrompt(first, second);
  if (first === undefined) return { model: null, prompt: undefined };
  return namesModel(first) ? { model: first, prompt: undefined } : { model: null, prompt: first };
}

/**
 * The words behind the first argument are one prompt, or none.
 * @throws PagodaError `invalid_option` for a prompt that was typed without quotes.
 */
export function promptOfWords(first: string | undefined, words: readonly string[]): string | undefined {
  if (words.length <= 1) return words[0];
  const isModel = first !== undefined && namesModel(first);
  const prompt = isModel ? words : [first, ...words];
  throw new PagodaError("invalid_option", `The prompt is one argument, and it is ${prompt.length} here.`, {
    hint: `Put it in quotes: pagoda run ${isModel ? `${first} ` : ""}"${prompt.join(" ")}".`,
  });
}

/** Two words may also be a prompt without its quotes, or a prompt and a model the wrong way round. */
function modelAndPrompt(first: string, second: string): RunArguments {
  if (namesModel(first)) return { model: first, prompt: second };
  if (namesModel(second))
    throw new PagodaError("invalid_option", `"${first}" stands where the model does, and names none.`, {
      hint: `Write the model first: pagoda run ${second} "${first}".`,
    });
  throw new PagodaError("invalid_option", `"${first}" stands where the model does, and names none.`, {
    hint: `Put a prompt of several words in quotes: pagoda run "${first} ${second}".`,
  });
}

/** `-`, or no prompt where `input` is not a keyboard, is all of `input` without its last line break. */
export async function promptFrom(
  argument: string | undefined,
  input: Readable & { readonly isTTY?: boolean },
): Promise<string> {
  if (argument === "")
    throw new PagodaError("invalid_option", "The prompt is empty.", {
      hint: `Give one, as in pagoda run "What is a pagoda?", or pipe it in.`,
    });
  if (argument !== undefined && argument !== "-") return argument;
  if (argument === undefined && input.isTTY === true)
    throw new PagodaError("invalid_option", "A prompt is missing.", {
      hint: `Give one, as in pagoda run "What is a pagoda?", or pipe it in.`,
    });
  const piped = (await text(input)).replace(/\r?\n$/, "");
  if (piped !== "") return piped;
  throw new PagodaError("invalid_option", "The prompt on standard input is empty.", {
    hint: `Give one, as in pagoda run "What is a pagoda?", or pipe a text in.`,
  });
}
