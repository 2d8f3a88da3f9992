/** @module pagoda run: one prompt, answered on standard output; a model alone at a terminal opens a chat. */
import type { Command } from "commander";
import { readOptions } from "../../core/options/read-options.ts";
import { answerTo, chatPrompt, cutShort } from "../answer/answer.ts";
import { type AnswerValues, answerOptions } from "../answer/answer-options.ts";
import { chat } from "../answer/chat.ts";
import { loadLocalInstance } from "../answer/local-instance.ts";
import { promptFrom, promptOfWords, runArguments } from "../answer/prompt-argument.ts";
import { ensureHeapCeiling } from "../lifecycle/heap.ts";
import { registerOptions } from "../options/register-options.ts";
import { showStacks } from "../print/exit-with-error.ts";

const examples = `
Examples:
  pagoda run "What is a pagoda?"
  pagoda run model.gguf "What is a pagoda?"
  pagoda run ./folder "Once upon a time" --max-tokens 64
  pagoda run model.gguf < question.txt

One argument alone is the model if it is a path, a hub id or
the default model's name, and else the prompt. A model alone
at a terminal opens a chat.`;

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .argument("[model]", "a folder, a .gguf file or a hub id (org/name); default SmolLM2-135M-Instruct")
    .argument("[prompt...]", "what to say to the model; - or nothing: what is piped in")
    .description("Answer one prompt and leave.")
    .addHelpText("after", examples);
  registerOptions(command, answerOptions);
  command.action(async (first: string | undefined, words: string[], given: Record<string, unknown>) => {
    ensureHeapCeiling(given, process.env);
    const values = readOptions(answerOptions, given, process.env);
    showStacks(values.verbose?.value ?? false);
    const { model, prompt } = runArguments(
      first,
      promptOfWords(first, words),
      values.modelName?.value ?? null,
    );
    if (model !== null && prompt === undefined && process.stdin.isTTY) await chat(model, values);
    else await runPrompt(model, await promptFrom(prompt, process.stdin), values);
  });
}

/** With a chat template the prompt is a user's message, without one a text to go on with. Ctrl-C ends the answer. */
async function runPrompt(model: string | null, text: string, values: AnswerValues): Promise<void> {
  const instance = await loadLocalInstance(model, values);
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    process.exitCode = 130;
    interrupted.abort();
  });
  const prompt = instance.engine.model.hasChatTemplate
    ? chatPrompt([{ role: "user", content: text }])
    : ({ kind: "text", text, addSpecialTokens: true } as const);
  const write = (piece: string): void => void process.stdout.write(piece);
  const answer = await answerTo(prompt, values, instance.engine, write, interrupted.signal);
  process.stdout.write("\n");
  // A person who set the limit does not need the remark.
  const remark = values.maxTokens === null ? cutShort(answer) : null;
  if (remark !== null) process.stderr.write(`pagoda: ${remark}\n`);
  await instance.close();
}
