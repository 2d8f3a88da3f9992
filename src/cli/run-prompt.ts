/** @module One prompt from the command line to standard output, without a server. */
import { grantedProcessors } from "../backend/cpu/processors.ts";
import type { Prompt } from "../core/generation.ts";
import { type Instance, loadInstance, prepareInstance } from "../instance/instance.ts";
import { resolveSettings } from "../instance/settings.ts";
import { signalExitCodes, stoppableFetch } from "./abortable-download.ts";
import type { RunValues } from "./commands/run.ts";
import { showStacks } from "./exit-with-error.ts";
import { ProgressBar } from "./progress.ts";

export async function runPrompt(model: string, prompt: string, values: RunValues): Promise<void> {
  showStacks(values.verbose?.value ?? false);
  const bar = new ProgressBar();
  const settings = resolveSettings(values, grantedProcessors());
  const prepared = await stoppableFetch(signalExitCodes, (stop) =>
    prepareInstance(model, settings, bar.onDownload, stop),
  );
  const instance = await loadInstance(prepared, { onProgress: bar.onLoad });
  bar.stop();
  await printAnswer(instance, prompt, values);
  await instance.close();
}

/** Ctrl-C ends the answer. */
async function printAnswer({ engine }: Instance, prompt: string, values: RunValues): Promise<void> {
  const { defaultSampling, hasChatTemplate } = engine.model;
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    process.exitCode = 130;
    interrupted.abort();
  });
  const request = {
    requestId: "run",
    priority: 0,
    maxTokensName: "--max-tokens",
    prompt: promptOf(prompt, hasChatTemplate),
    sampling: {
      ...defaultSampling,
      temperature: values.temperature?.value ?? defaultSampling.temperature,
      maxTokens: values.maxTokens?.value ?? defaultSampling.maxTokens,
    },
  };
  for await (const event of engine.generate(request, interrupted.signal))
    if (event.type === "delta") process.stdout.write(event.text);
  process.stdout.write("\n");
}

/** With a chat template the prompt is a user's message, without one a text to go on with. */
function promptOf(text: string, hasChatTemplate: boolean): Prompt {
  if (!hasChatTemplate) return { kind: "text", text, addSpecialTokens: true };
  return {
    kind: "chat",
    messages: [{ role: "user", content: text }],
    addGenerationPrompt: true,
    continueFinalMessage: false,
    tools: null,
    templateVariables: {},
  };
}
