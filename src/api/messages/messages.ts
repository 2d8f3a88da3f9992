/** @module POST /v1/messages (Anthropic's protocol): wire types, parser, and the builders of both kinds of answer. */
import { z } from "zod";
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, Prompt, ServedModel } from "../../core/generation.ts";
import { reasoningMarks } from "../answer/reasoning.ts";
import { keepsSpecialTokens, toAnswerSyntax, toolDefinitions, toToolUse } from "../answer/tool-use.ts";
import { chatPromptShape, toChatPrompt } from "../chat/chat-prompt.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { cacheSaltSchema } from "../fields/generation-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { samplingShape, toSamplingParams } from "../fields/sampling-fields.ts";
import { jsonObject } from "../json-object.ts";
import {
  blockMessagesSchema,
  continuesLastMessage,
  systemSchema,
  toConvertedMessages,
} from "./message-blocks.ts";
import { MessageBodyBuilder } from "./message-body.ts";
import { MessageEventBuilder } from "./message-events.ts";
import { otherMessageFields } from "./message-other-fields.ts";
import {
  messageToolChoiceSchema,
  messageToolsSchema,
  toFunctions,
  toMessageToolChoice,
} from "./message-tools.ts";

/** The fields that decide the prompt: those of /v1/messages/count_tokens. */
const messagePromptShape = {
  model: z.string().nullish(),
  messages: blockMessagesSchema,
  system: systemSchema.nullish(),
  tools: messageToolsSchema.nullish(),
  tool_choice: messageToolChoiceSchema.nullish(),
  thinking: z.looseObject({ type: z.enum(["enabled", "adaptive", "disabled"]) }).nullish(),
  output_config: z
    .looseObject({
      effort: z.string().nullish(),
      format: z.looseObject({ type: z.literal("json_schema"), schema: jsonObject }).nullish(),
    })
    .nullish(),
  chat_template_kwargs: chatPromptShape.chat_template_kwargs,
} as const;

export const countedSchema = z.object(messagePromptShape);
type PromptFields = z.infer<typeof countedSchema>;

export const messageSchema = z.object({
  ...messagePromptShape,
  max_tokens: z.number().int().min(1),
  stop_sequences: z.array(z.string()).max(64).nullish(),
  stream: z.boolean().nullish(),
  temperature: samplingShape.temperature,
  top_p: samplingShape.top_p,
  top_k: samplingShape.top_k,
  cache_salt: cacheSaltSchema,
});

export const messageFields: EndpointFields<typeof messageSchema> = {
  schema: messageSchema,
  ...otherMessageFields,
};
export const countedFields: EndpointFields<typeof countedSchema> = {
  schema: countedSchema,
  ...otherMessageFields,
};

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseMessagesRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const parsed = parseBody(body, messageFields, model.features);
  const { fields } = parsed;
  const tools = toolDefinitions(toFunctions(fields.tools));
  const choice = toMessageToolChoice(fields.tool_choice);
  const parallelCalls = !(fields.tool_choice?.disable_parallel_tool_use ?? false);
  const use = toToolUse({ tools, choice, parallelCalls }, model);
  const syntax = toAnswerSyntax(model.answerFormat, use, tools, parallelCalls);
  const request: GenerationRequest = {
    requestId: identity.answerId,
    constraint: use.constraint ?? formatConstraint(fields, model),
    prompt: toPrompt(fields),
    sampling: toSamplingParams(
      {
        ...fields,
        stop: fields.stop_sequences,
        ...(keepsSpecialTokens(model.answerFormat, use) ? { skip_special_tokens: false } : {}),
      },
      { maxTokens: fields.max_tokens, logprobs: null, logprobsName: "logprobs", promptLogprobs: null },
      model,
    ),
    priority: 0,
    cacheSalt: fields.cache_salt ?? null,
  };
  return {
    requests: [request],
    streams: fields.stream ?? false,
    streamFormat: "events",
    unknownFields: parsed.unknownFields,
    newBody: (tokens) => new MessageBodyBuilder(identity, syntax, tokens),
    newChunks: (tokens) => new MessageEventBuilder(identity, syntax, tokens),
  };
}

export interface CountedMessages {
  readonly prompt: Prompt;
  readonly unknownFields: readonly string[];
}

/** Throws as `parseMessagesRequest` does. */
export function parseCountTokensRequest(body: unknown, model: ServedModel): CountedMessages {
  const { fields, unknownFields } = parseBody(body, countedFields, model.features);
  return { prompt: toPrompt(fields), unknownFields };
}

function toPrompt(fields: PromptFields): Prompt {
  const continues = continuesLastMessage(fields.messages);
  return toChatPrompt(
    toConvertedMessages(fields.system ?? null, fields.messages),
    {
      continue_final_message: continues,
      chat_template_kwargs: fields.chat_template_kwargs,
      tools: toFunctions(fields.tools),
    },
    {
      ...thinkingVariables(fields.thinking?.type ?? null),
      ...((fields.output_config?.effort ?? null) === null
        ? {}
        : { reasoning_effort: fields.output_config?.effort }),
    },
  );
}

/** `output_config.format`: the schema that the text must match; null where it is free. */
function formatConstraint({ output_config }: PromptFields, model: ServedModel): OutputConstraint | null {
  const format = output_config?.format ?? null;
  if (format === null) return null;
  const param = "output_config.format";
  if (!model.features.has("structured-output"))
    throw new PagodaError("invalid_request", `This model's engine does not support '${param}'.`, {
      param,
      hint: `Leave '${param}' out.`,
    });
  return {
    rule: { kind: "json-schema", schema: format.schema },
    param,
    reasoning: reasoningMarks(model.answerFormat.reasoning),
  };
}

/** The name under which templates of models that think read whether they should. */
function thinkingVariables(type: "enabled" | "adaptive" | "disabled" | null): Record<string, unknown> {
  return type === null ? {} : { enable_thinking: type !== "disabled" };
}
