/** @module One prompt from the command line to standard output, without a server. */
import { grantedProcessors } from "../backend/cpu/processors.ts";
import { chooseBackend } from "./choose-backend.ts";
import type { RunValues } from "./commands/run.ts";
import { readDeviceMemory } from "./device-memory.ts";
import { showStacks } from "./fault.ts";
import { findModel } from "./find-model.ts";
import { heapCeilingMib } from "./heap.ts";
import { capBytes, resolveSettings } from "./instance-settings.ts";
import { progressBar } from "./progress.ts";
import { runtimeReservationBytes } from "./runtime-reservation.ts";
import { type Instance, startInstance } from "./start-instance.ts";

export async function runPrompt(model: string, prompt: string, values: RunValues): Promise<void> {
  showStacks(values.verbose?.value ?? false);
  const settings = resolveSettings(values, grantedProcessors());
  const device = readDeviceMemory();
  const found = await findModel(model);
  const bar = progressBar("loading");
  const instance = await startInstance({
    settings,
    source: found.source,
    modelId: settings.servedModelName?.value ?? found.modelId,
    device,
    runtimeBytes: runtimeReservationBytes(
      heapCeilingMib(capBytes(settings, device)),
      settings.numThreads.value,
    ),
    backend: await chooseBackend(settings),
    onProgress: ({ loadedBytes, totalBytes }) => bar.update(loadedBytes, totalBytes),
  });
  bar.stop();
  await printAnswer(instance, prompt, values);
  await instance.close();
}

/** With a chat template the prompt is a user's message, without one a text to go on with. Ctrl-C ends the answer. */
async function printAnswer(instance: Instance, prompt: string, values: RunValues): Promise<void> {
  const { engine } = instance;
  const { defaultSampling, hasChatTemplate } = engine.model;
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    process.exitCode = 130;
    interrupted.abort();
  });
  const events = engine.generate(
    {
      requestId: "run",
      priority: 0,
      prompt: hasChatTemplate
        ? {
            kind: "chat",
            messages: [{ role: "user", content: prompt }],
            addGenerationPrompt: true,
            continueFinalMessage: false,
            tools: null,
            templateVariables: {},
          }
        : { kind: "text", text: prompt, addSpecialTokens: true },
      sampling: {
        ...defaultSampling,
        temperature: values.temperature?.value ?? defaultSampling.temperature,
        maxTokens: values.maxTokens?.value ?? defaultSampling.maxTokens,
      },
    },
    interrupted.signal,
  );
  for await (const event of events) if (event.type === "delta") process.stdout.write(event.text);
  process.stdout.write("\n");
}
