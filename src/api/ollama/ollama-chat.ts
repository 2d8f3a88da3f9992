/** @module POST /api/chat and /api/generate (Ollama's protocol): wire types, parsers, exchanges. */
import { z } from "zod";
import type { ToolDefinition } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, Prompt, ServedModel } from "../../core/generation.ts";
import {
  keepsSpecialTokens,
  toAnswerSyntax,
  toolDefinitions,
  toolsSchema,
  toToolUse,
} from "../answer/tool-use.ts";
import { toChatPrompt } from "../chat/chat-prompt.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { toSamplingParams } from "../fields/sampling-fields.ts";
import { loadedAnswer, OllamaBodyBuilder, OllamaLineBuilder, type OllamaShown } from "./ollama-answer.ts";
import { errorLine } from "./ollama-error.ts";
import { ollamaMessagesSchema, toWireMessages } from "./ollama-messages.ts";
import {
  fieldsIgnored,
  formatConstraint,
  ollamaShape,
  otherOllamaFields,
  thinkVariables,
  toMaxTokens,
  withOptionsAsFields,
} from "./ollama-options.ts";

export const ollamaChatSchema = z.object({
  ...ollamaShape,
  messages: ollamaMessagesSchema.nullish(),
  tools: toolsSchema.nullish(),
});

export const generateSchema = z.object({
  ...ollamaShape,
  prompt: z.string().nullish(),
  system: z.string().nullish(),
  raw: z.boolean().nullish(),
});

export const ollamaChatFields: EndpointFields<typeof ollamaChatSchema> = {
  schema: ollamaChatSchema,
  ...otherOllamaFields,
};
export const generateFields: EndpointFields<typeof generateSchema> = {
  schema: generateSchema,
  ...otherOllamaFields,
};

type OllamaFields = Omit<z.infer<typeof ollamaChatSchema>, "messages" | "tools">;

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseOllamaChat(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(withOptionsAsFields(body), ollamaChatFields, model.features);
  const messages = fields.messages ?? [];
  const tools = toolDefinitions(fields.tools);
  const parts = { fields, unknownFields, model, identity, tools };
  if (messages.length === 0) return loadingExchange("message", parts);
  const variables = thinkVariables(fields.think);
  return newExchange(
    toChatPrompt(toWireMessages(messages), { tools: fields.tools }, variables),
    "message",
    parts,
  );
}

/** Throws as `parseOllamaChat` does. */
export function parseOllamaGenerate(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(withOptionsAsFields(body), generateFields, model.features);
  const parts = { fields, unknownFields, model, identity, tools: [] };
  if ((fields.prompt ?? "") === "") return loadingExchange("response", parts);
  return newExchange(generatePrompt(fields, model), "response", parts);
}

/** A model without a chat template gets the text as it is, as with `raw`. */
function generatePrompt(fields: z.infer<typeof generateSchema>, model: ServedModel): Prompt {
  const text = fields.prompt ?? "";
  if ((fields.raw ?? false) || !model.hasChatTemplate)
    return { kind: "text", text: `${fields.system ?? ""}${text}`, addSpecialTokens: true };
  const system = (fields.system ?? "") === "" ? [] : [{ role: "system", content: fields.system }];
  return toChatPrompt([...system, { role: "user", content: text }], {}, thinkVariables(fields.think));
}

interface ExchangeParts {
  readonly fields: OllamaFields;
  readonly unknownFields: readonly string[];
  readonly model: ServedModel;
  readonly identity: AnswerIdentity;
  readonly tools: readonly ToolDefinition[];
}

/** A request without a prompt asks to load the model, which is loaded, or to unload it, which is refused. */
function loadingExchange(
  textField: OllamaShown["textField"],
  { fields, unknownFields, identity }: ExchangeParts,
): GenerationExchange {
  if (fields.keep_alive === 0 || fields.keep_alive === "0")
    throw new PagodaError(
      "invalid_request",
      "'keep_alive' 0 asks to unload the model, and it stays loaded here.",
      {
        param: "keep_alive",
        hint: "Send no request, or stop the server.",
      },
    );
  const answer = loadedAnswer(fields.model ?? identity.modelName, textField);
  return {
    requests: [],
    streams: fields.stream ?? true,
    streamFormat: "lines",
    unknownFields,
    newBody: () => ({ push: () => undefined, pieces: () => [answer] }),
    newChunks: () => ({ push: () => "", end: () => `${answer}\n`, fail: errorLine }),
  };
}

function newExchange(
  prompt: Prompt,
  textField: OllamaShown["textField"],
  { fields, unknownFields, model, identity, tools }: ExchangeParts,
): GenerationExchange {
  const use = toToolUse({ tools, choice: null, parallelCalls: true }, model);
  const shown: OllamaShown = {
    modelName: fields.model ?? identity.modelName,
    textField,
    showsLogprobs: fields.logprobs ?? false,
    syntax: toAnswerSyntax(model.answerFormat, use, tools, true),
  };
  const request: GenerationRequest = {
    requestId: identity.answerId,
    prompt,
    constraint: use.constraint ?? formatConstraint(fields.format, model),
    sampling: toSamplingParams(
      keepsSpecialTokens(model.answerFormat, use) ? { ...fields, skip_special_tokens: false } : fields,
      {
        maxTokens: toMaxTokens(fields.max_tokens),
        logprobs: (fields.logprobs ?? false) ? (fields.top_logprobs ?? 0) : null,
        logprobsName: "top_logprobs",
        promptLogprobs: null,
      },
      model,
    ),
    maxTokensName: "num_predict",
    priority: 0,
  };
  return {
    requests: [request],
    // The protocol's default.
    streams: fields.stream ?? true,
    streamFormat: "lines",
    unknownFields: [...unknownFields, ...fieldsIgnored(fields, model)],
    newBody: (tokens) => new OllamaBodyBuilder(shown, tokens),
    newChunks: (tokens) => new OllamaLineBuilder(shown, tokens),
  };
}
