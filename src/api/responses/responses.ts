/** @module POST /v1/responses: the part of OpenAI's protocol that needs no state; wire types, parser, exchange. */
import { z } from "zod";
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, ServedModel } from "../../core/generation.ts";
import { reasoningMarks } from "../answer/reasoning.ts";
import { keepsSpecialTokens, toAnswerSyntax, toolDefinitions, toToolUse } from "../answer/tool-use.ts";
import { chatPromptShape, toChatPrompt } from "../chat/chat-prompt.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import { constraintShape, toConstraint } from "../fields/constraint-fields.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { cacheSaltSchema } from "../fields/generation-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { samplingShape, toSamplingParams } from "../fields/sampling-fields.ts";
import { shownText } from "../shown-text.ts";
import { ResponseBodyBuilder } from "./response-body.ts";
import { ResponseEventBuilder } from "./response-events.ts";
import { inputSchema, toInputMessages } from "./response-input.ts";
import { refusedFields } from "./response-refusals.ts";
import {
  responseToolChoiceSchema,
  responseToolsSchema,
  toResponseToolChoice,
  toWireFunctions,
} from "./response-tools.ts";
import type { ResponseAnswer } from "./response-wire.ts";

const { n: _, prompt_logprobs: __, ...responseSampling } = samplingShape;

export const responseSchema = z.object({
  ...responseSampling,
  model: z.string().nullish(),
  input: inputSchema,
  instructions: z.string().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({}).nullish(),
  tools: responseToolsSchema.nullish(),
  tool_choice: responseToolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
  text: z
    .looseObject({ format: z.looseObject({ type: z.string() }).nullish(), verbosity: z.string().nullish() })
    .nullish(),
  top_logprobs: z.number().int().nonnegative().nullish(),
  include: z.array(z.string()).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  user: z.string().nullish(),
  chat_template_kwargs: chatPromptShape.chat_template_kwargs,
  structured_outputs: constraintShape.structured_outputs,
  priority: z.number().int().nullish(),
  request_id: z.string().nullish(),
  cache_salt: cacheSaltSchema,
  include_reasoning: z.boolean().nullish(),
});
type ResponseFields = z.infer<typeof responseSchema>;

export const responseFields: EndpointFields<typeof responseSchema> = {
  schema: responseSchema,
  // Other servers ask for a feature with it; here it is part of the protocol.
  ownFields: new Set(["reasoning"]),
  refused: refusedFields,
  ignored: new Map([["max_tool_calls", "it counts calls of tools that the server runs, and none is"]]),
};

/** Parts of a response that clients may ask to be included; others belong to tools that this server does not run. */
const includable: ReadonlySet<string> = new Set([
  "message.output_text.logprobs",
  "reasoning.encrypted_content",
]);

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseResponsesRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, responseFields, model.features);
  refuseUnknownParts(fields);
  const functions = toWireFunctions(fields.tools);
  const tools = toolDefinitions(functions);
  const choice = toResponseToolChoice(fields.tool_choice);
  const parallelCalls = fields.parallel_tool_calls ?? true;
  const use = toToolUse({ tools, choice, parallelCalls }, model);
  const showsLogprobs = (fields.include ?? []).includes("message.output_text.logprobs");
  const effort = fields.reasoning?.effort ?? null;
  const request: GenerationRequest = {
    requestId: identity.answerId,
    constraint: use.constraint ?? textConstraint(fields, model),
    prompt: toChatPrompt(
      toInputMessages(fields.instructions ?? null, fields.input),
      { tools: functions, chat_template_kwargs: fields.chat_template_kwargs },
      effort === null ? {} : { reasoning_effort: effort },
    ),
    sampling: toSamplingParams(
      keepsSpecialTokens(model.answerFormat, use) ? { ...fields, skip_special_tokens: false } : fields,
      {
        maxTokens: fields.max_output_tokens ?? null,
        logprobs: showsLogprobs ? (fields.top_logprobs ?? 0) : null,
        logprobsName: "top_logprobs",
        promptLogprobs: null,
      },
      model,
    ),
    maxTokensName: "max_output_tokens",
    priority: fields.priority ?? 0,
    cacheSalt: fields.cache_salt ?? null,
  };
  const answer: ResponseAnswer = {
    identity,
    syntax: toAnswerSyntax(model.answerFormat, use, tools, parallelCalls),
    showsLogprobs,
    showsReasoning: fields.include_reasoning ?? true,
    request: repeatedFields(fields, request),
  };
  return {
    requests: [request],
    streams: fields.stream ?? false,
    streamFormat: "events",
    unknownFields,
    newBody: (tokens) => new ResponseBodyBuilder(answer, tokens),
    newChunks: (tokens) => new ResponseEventBuilder(answer, tokens),
  };
}

function refuseUnknownParts(fields: ResponseFields): void {
  const unknown = (fields.include ?? []).find((name) => !includable.has(name));
  if (unknown !== undefined)
    throw new PagodaError(
      "invalid_request",
      `'include' asks for '${shownText(unknown)}', which no response of this server has.`,
      { param: "include", hint: "Leave it out." },
    );
}

/** `text.format` or vLLM's `structured_outputs`; null where the text is free. */
function textConstraint(fields: ResponseFields, model: ServedModel): OutputConstraint | null {
  const { structured_outputs } = fields;
  return (
    formatConstraint(fields, model) ?? toConstraint({ structured_outputs }, model.answerFormat.reasoning)
  );
}

/** `text.format`: what the whole text must match; null where it is free. */
function formatConstraint({ text }: ResponseFields, model: ServedModel): OutputConstraint | null {
  const format = text?.format ?? null;
  if (format === null || format.type === "text") return null;
  const isKnown = format.type === "json_schema" || format.type === "json_object";
  if (!isKnown || !model.features.has("structured-output"))
    throw new PagodaError("invalid_request", "This model's engine does not support 'text.format'.", {
      param: "text.format",
      hint: `Send {"type": "text"}, or leave 'text.format' out.`,
    });
  return {
    rule:
      format.type === "json_object"
        ? { kind: "json-object" }
        : { kind: "json-schema", schema: format.schema ?? {} },
    param: "text.format",
    reasoning: reasoningMarks(model.answerFormat.reasoning),
  };
}

function repeatedFields(
  fields: ResponseFields,
  { sampling }: GenerationRequest,
): Readonly<Record<string, unknown>> {
  return {
    instructions: fields.instructions ?? null,
    max_output_tokens: fields.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: fields.metadata ?? {},
    parallel_tool_calls: fields.parallel_tool_calls ?? true,
    reasoning: { effort: fields.reasoning?.effort ?? null, summary: null },
    temperature: sampling.temperature,
    text: { format: fields.text?.format ?? { type: "text" } },
    tool_choice: fields.tool_choice ?? "auto",
    tools: fields.tools ?? [],
    top_logprobs: fields.top_logprobs ?? 0,
    top_p: sampling.topP,
    user: fields.user ?? null,
  };
}
