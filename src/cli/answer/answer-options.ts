/** @module Options of the commands that answer on the terminal: those of an instance, and how an answer is sampled. */
import { PagodaError } from "../../core/errors.ts";
import { option, wholeNumber } from "../../core/options/option.ts";
import type { readOptions } from "../../core/options/read-options.ts";
import { engineOptions } from "../../instance/index.ts";
import { serverOptions } from "../options/server-options.ts";

const answer = "Answer:";

/** Without a model's own max_new_tokens: a small model that does not find an end stops here. */
export const usualMostTokens = 1024;

export const answerOptions = {
  ...engineOptions,
  verbose: serverOptions.verbose,
  maxTokens: option(["--max-tokens"], {
    argument: "n",
    parse: wholeNumber(1),
    help: `most tokens of an answer (default: the model's max_new_tokens, else ${usualMostTokens})`,
    group: answer,
  }),
  temperature: option(["--temperature"], {
    argument: "t",
    parse: temperature,
    help: "0 is greedy (default: see --generation-config)",
    group: answer,
  }),
} as const;

export type AnswerValues = ReturnType<typeof readOptions<typeof answerOptions>>;

/** The range that a request may ask for over HTTP. */
const highestTemperature = 100;

function temperature(text: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value <= highestTemperature) return value;
  throw new PagodaError("invalid_option", `'${text}' is not a number between 0 and ${highestTemperature}.`, {
    hint: "Write 0 for the likeliest token each time, or a number such as 0.7.",
  });
}
