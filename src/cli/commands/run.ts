/** @module pagoda run: one prompt, answered on standard output. */
import type { Command } from "commander";
import { PagodaError } from "../../core/errors.ts";
import { heapCeilingMib } from "../../instance/heap-shares.ts";
import { engineOptions } from "../../instance/options/engine-options.ts";
import { option, wholeNumber } from "../../instance/options/option.ts";
import { readOptions, registerOptions } from "../../instance/options/read-options.ts";
import { capAsTyped, ensureHeapCeiling } from "../heap.ts";
import { serverOptions } from "../options/server-options.ts";
import { promptFrom } from "../prompt-argument.ts";

const answer = "Answer:";

const options = {
  ...engineOptions,
  verbose: serverOptions.verbose,
  maxTokens: option(["--max-tokens"], {
    argument: "n",
    parse: wholeNumber(1),
    help: "most tokens to generate (default: what the context allows)",
    group: answer,
  }),
  temperature: option(["--temperature"], {
    argument: "t",
    parse: temperature,
    help: "0 is greedy (default: the model's)",
    group: answer,
  }),
} as const;

/** The range that a request may ask for over HTTP. */
const highestTemperature = 100;

function temperature(text: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value <= highestTemperature) return value;
  throw new PagodaError("invalid_option", `'${text}' is not a number between 0 and ${highestTemperature}`);
}

const examples = `
Examples:
  pagoda run model.gguf "What is a pagoda?"
  pagoda run ./folder "Once upon a time" --temperature 0 --max-tokens 64 --memory 700MiB
  pagoda run model.gguf < question.txt`;

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .argument("<model>", "a folder, a .gguf file or a hub id (org/name)")
    .argument("[prompt]", "what to say to the model; - or nothing: what is piped in")
    .description("Answer one prompt and leave.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action(async (model: string, prompt: string | undefined, given: Record<string, unknown>) => {
    ensureHeapCeiling(heapCeilingMib(capAsTyped(given, process.env)), process.env);
    const values = readOptions(options, given, process.env);
    const text = await promptFrom(prompt, process.stdin);
    const { runPrompt } = await import("../run-prompt.ts");
    await runPrompt(model, text, values);
  });
}

export type RunValues = ReturnType<typeof readOptions<typeof options>>;
