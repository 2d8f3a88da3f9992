/** @module What can be said of an instance's model before it is loaded. */
import type { ServedModel, TokenizerFacts } from "../core/generation.ts";
import { defaultSamplingParams } from "../core/sampling-params.ts";
import type { ModelFiles } from "../model/model-files.ts";
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
    features: new Set(settings.trustRequestChatTemplate.value ? ["request-chat-template"] : []),
    tokenizer: tokenizerFacts(files),
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
