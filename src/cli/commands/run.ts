/** @module pagoda run: one prompt, answered on standard output. */
import type { Command } from "commander";
import { capAsTyped, ensureHeapCeiling, heapCeilingMib } from "../heap.ts";
import { engineOptions } from "../options/engine-options.ts";
import { option, wholeNumber } from "../options/option.ts";
import { readOptions, registerOptions } from "../options/read-options.ts";
import { serverOptions } from "../options/server-options.ts";

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
    parse: (text: string) => wholeOrDecimal(text),
    help: "0 is greedy (default: the model's)",
    group: answer,
  }),
} as const;

function wholeOrDecimal(text: string): number {
  return /^\d*\.?\d+$/.test(text) ? Number(text) : wholeNumber(0)(text);
}

const examples = `
Examples:
  pagoda run model.gguf "What is a pagoda?"
  pagoda run ./folder "Once upon a time" --temperature 0 --max-tokens 64 --memory 700MiB`;

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .argument("<model>", "a folder, a .gguf file or a hub id (org/name)")
    .argument("<prompt>", "what to say to the model")
    .description("Answer one prompt and leave.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action(async (model: string, prompt: string, given: Record<string, unknown>) => {
    ensureHeapCeiling(heapCeilingMib(capAsTyped(given, process.env)), process.env);
    const { runPrompt } = await import("../run-prompt.ts");
    await runPrompt(model, prompt, readOptions(options, given, process.env));
  });
}

export type RunValues = ReturnType<typeof readOptions<typeof options>>;
