/** @module One answer of a model in this process, as it comes. */
import type { ChatMessage, FinishReason, GenerationService, Prompt } from "../../core/generation.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import { type AnswerValues, usualMostTokens } from "./answer-options.ts";

export interface Answer {
  readonly text: string;
  /** null: the signal ended it. */
  readonly reason: FinishReason | null;
  /** How many tokens it could have had. */
  readonly mostTokens: number;
}

/** A conversation becomes a chat; its prompt ends where the model's answer begins. */
export function chatPrompt(messages: readonly ChatMessage[]): Prompt {
  return {
    kind: "chat",
    messages,
    addGenerationPrompt: true,
    continueFinalMessage: false,
    tools: null,
    templateVariables: {},
  };
}

/** Hands every piece of text to `write` until the model, the length or `signal` ends it. */
export async function answerTo(
  prompt: Prompt,
  values: Pick<AnswerValues, "maxTokens" | "temperature">,
  service: GenerationService,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<Answer> {
  const sampling = await samplingFor(prompt, values, service, signal);
  const request = { requestId: "answer", priority: 0, maxTokensName: "--max-tokens", prompt, sampling };
  let text = "";
  let reason: FinishReason | null = null;
  for await (const event of service.generate(request, signal)) {
    if (event.type === "finished") reason = event.reason;
    if (event.type !== "delta") continue;
    text += event.text;
    write(event.text);
  }
  return { text, reason, mostTokens: sampling.maxTokens ?? usualMostTokens };
}

/** A temperature that is stated leaves the family's recommendation out, as in a request over HTTP. */
async function samplingFor(
  prompt: Prompt,
  values: Pick<AnswerValues, "maxTokens" | "temperature">,
  service: GenerationService,
  signal: AbortSignal,
): Promise<SamplingParams> {
  const { defaultSampling, statedSampling, maxModelLen } = service.model;
  const base =
    values.temperature === null
      ? defaultSampling
      : { ...statedSampling, temperature: values.temperature.value };
  if (values.maxTokens !== null) return { ...base, maxTokens: values.maxTokens.value };
  if (base.maxTokens !== null) return base;
  const numPromptTokens = (await service.tokenize(prompt, signal))?.length ?? 0;
  // A prompt that fills the context is refused by the service, with the numbers.
  return { ...base, maxTokens: Math.max(1, Math.min(usualMostTokens, maxModelLen - numPromptTokens)) };
}

/** What to tell of an answer that the model did not end; null where it did. */
export function cutShort({ reason, mostTokens }: Answer): string | null {
  if (reason !== "length") return null;
  return `The answer was cut after ${mostTokens} tokens; --max-tokens allows more.`;
}
