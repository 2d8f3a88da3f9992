/** @module pagoda chat: a conversation at the terminal. */
import type { Command } from "commander";
import { readOptions } from "../../core/options/read-options.ts";
import { answerOptions } from "../answer/answer-options.ts";
import { chat } from "../answer/chat.ts";
import { chatHelp } from "../answer/conversation.ts";
import { ensureHeapCeiling } from "../lifecycle/heap.ts";
import { registerOptions } from "../options/register-options.ts";
import { showStacks } from "../print/exit-with-error.ts";

export function addChatCommand(program: Command): void {
  const command = program
    .command("chat")
    .argument("[model]", "a folder, a .gguf file or a hub id (org/name); default SmolLM2-135M-Instruct")
    .description("Talk to a model at the terminal.")
    .addHelpText("after", `\n${chatHelp}`);
  registerOptions(command, answerOptions);
  command.action(async (model: string | undefined, given: Record<string, unknown>) => {
    ensureHeapCeiling(given, process.env);
    const values = readOptions(answerOptions, given, process.env);
    showStacks(values.verbose?.value ?? false);
    await chat(model ?? values.modelName?.value ?? null, values);
  });
}
