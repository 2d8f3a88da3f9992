/** @module What can be said of an instance's model before it is loaded. */

import type { AnswerFormat } from "../core/answer/tools.ts";
import type { ServedModel, TokenizerFacts } from "../core/generation.ts";
import { defaultSamplingParams } from "../core/sampling-params.ts";
import { answerFormatOf } from "../model/chat-template/answer-format.ts";
import type { ModelFiles } from "../model/model-files.ts";
import { modelFactsOf } from "./model-facts.ts";
import type { PreparedInstance } from "./prepared-instance.ts";

/** For `/v1/models`, and for the engine once it runs. */
export function describeServedModel(prepared: PreparedInstance): ServedModel {
  const { settings, plan, files, sampling, names, root } = prepared;
  const statedSampling = {
    ...defaultSamplingParams,
    ...sampling.stated,
    seed: settings.seed?.value ?? null,
  };
  return {
    modelId: names[0],
    root,
    maxModelLen: plan.limits.maxModelLen,
    maxLogprobs: plan.limits.maxLogprobs,
    statedSampling,
    defaultSampling: { ...statedSampling, ...sampling.recommended },
    samplingOrigin: sampling.origin,
    maxTokensCeiling: sampling.maxTokensCeiling,
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    hasChatTemplate: files.chatTemplate !== null,
    answerFormat: answerFormat(prepared),
    features: new Set([
      "cache-salt",
      "prompt-truncation",
      "structured-output",
      "token-filter",
      "tools",
      ...(settings.trustRequestChatTemplate.value ? (["request-chat-template"] as const) : []),
    ]),
    tokenizer: tokenizerFacts(files),
    facts: modelFactsOf(files),
  };
}

/** What the user states, else what the template shows. */
function answerFormat({ settings, files }: PreparedInstance): AnswerFormat {
  const shown = answerFormatOf(files.chatTemplate?.sources ?? []);
  return {
    toolCalls: settings.toolCallParser?.value ?? shown.toolCalls,
    reasoning: settings.reasoningParser?.value ?? shown.reasoning,
  };
}

/** What the template is told, or where the model has none, what its tokenizer says. */
function tokenizerFacts({ tokenizer, chatTemplate, eosIds }: ModelFiles): TokenizerFacts {
  const textOf = (tokenId: number): string =>
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(tokenizer.tokenBytes(tokenId));
  const eosId = tokenizer.eosIds[0] ?? eosIds[0];
  return {
    specialTokens: {
      ...(tokenizer.bosId === null ? {} : { bos_token: textOf(tokenizer.bosId) }),
      ...(eosId === undefined ? {} : { eos_token: textOf(eosId) }),
      ...chatTemplate?.tokens,
    },
    chatTemplate: chatTemplate?.source ?? null,
  };
}
