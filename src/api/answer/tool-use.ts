/** @module The tools of a request: what the template sees, what a grammar forces, and how calls stand in the answer. */
import { z } from "zod";
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import type { AnswerFormat, ToolChoice, ToolDefinition } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { ServedModel } from "../../core/generation.ts";
import { jsonObject } from "../json-object.ts";
import { shownText } from "../shown-text.ts";
import type { AnswerSyntax, CallSyntax } from "./answer-reader.ts";
import { marksAreSpecial, reasoningMarks } from "./reasoning.ts";

const mostTools = 128;
const functionName = z.string().min(1).max(256);

/** Of OpenAI's chat completions. */
export const toolsSchema = z
  .array(
    z.looseObject({
      type: z.literal("function"),
      function: z.looseObject({
        name: functionName,
        description: z.string().nullish(),
        parameters: jsonObject.nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  )
  .max(mostTools);

export const toolChoiceSchema = z.union(
  [
    z.enum(["none", "auto", "required"]),
    z.looseObject({ type: z.literal("function"), function: z.looseObject({ name: functionName }) }),
  ],
  { error: 'must be "none", "auto", "required" or {"type": "function", "function": {"name": "…"}}' },
);

/** As templates read them: fields that are null are left out, all others stay as they were sent. */
export function toolDefinitions(
  tools: z.infer<typeof toolsSchema> | null | undefined,
): readonly ToolDefinition[] {
  return (tools ?? []).map((tool) => ({
    ...tool,
    function: Object.fromEntries(
      Object.entries(tool.function).filter(([, value]) => value !== null),
    ) as ToolDefinition["function"],
  }));
}

export interface AskedTools {
  readonly tools: readonly ToolDefinition[];
  /** The request's; null where it states none. */
  readonly choice: ToolChoice | null;
  readonly parallelCalls: boolean;
}

export interface ToolUse {
  /** What forces calls; null where the model is free. */
  readonly constraint: OutputConstraint | null;
  /** null: the answer has no calls. */
  readonly calls: CallSyntax | null;
}

export function toToolChoice(choice: z.infer<typeof toolChoiceSchema> | null | undefined): ToolChoice | null {
  if (choice === null || choice === undefined) return null;
  return typeof choice === "string" ? { kind: choice } : { kind: "named", name: choice.function.name };
}

/** Throws `invalid_request` where the choice does not fit the tools, or the model's way of calling is not known. */
export function toToolUse({ tools, choice, parallelCalls }: AskedTools, model: ServedModel): ToolUse {
  const chosen: ToolChoice = choice ?? { kind: tools.length === 0 ? "none" : "auto" };
  if (chosen.kind === "none" || (chosen.kind === "auto" && tools.length === 0))
    return { constraint: null, calls: null };
  if (tools.length === 0)
    throw refused(
      "tool_choice",
      "'tool_choice' asks for a call, but 'tools' is empty.",
      "Send the functions in 'tools'.",
    );
  refuseRepeatedNames(tools);
  if (chosen.kind === "auto") {
    refuseUnknownFormat(model);
    return { constraint: null, calls: { kind: "own" } };
  }
  if (chosen.kind === "required")
    return { constraint: forced(callListSchema(tools, parallelCalls), model), calls: { kind: "list" } };
  const tool = tools.find((one) => one.function.name === chosen.name);
  if (tool === undefined)
    throw refused(
      "tool_choice",
      `'tool_choice' names the function '${shownText(chosen.name)}', which is not among 'tools'.`,
      `Name one of them: ${shownText(tools.map((one) => one.function.name).join(", "))}.`,
    );
  return {
    constraint: forced(parametersOf(tool), model),
    calls: { kind: "arguments", name: chosen.name },
  };
}

function forced(schema: unknown, model: ServedModel): OutputConstraint {
  return {
    rule: { kind: "json-schema", schema },
    param: "tools",
    reasoning: reasoningMarks(model.answerFormat.reasoning),
  };
}

/** Whether the text must keep its special tokens: some families mark calls or reasoning by them. */
export function keepsSpecialTokens(format: AnswerFormat, { calls }: ToolUse): boolean {
  return calls?.kind === "own" || marksAreSpecial(format.reasoning);
}

/** null where the answer is all text: its pieces need not be told apart. */
export function toAnswerSyntax(
  format: AnswerFormat,
  { calls }: ToolUse,
  tools: readonly ToolDefinition[],
  parallelCalls: boolean,
): AnswerSyntax | null {
  if (calls === null && format.reasoning === null) return null;
  return { format, calls, tools, parallelCalls };
}

/** An answer of calls alone: vLLM asks for the same list. */
function callListSchema(tools: readonly ToolDefinition[], parallelCalls: boolean): unknown {
  return {
    type: "array",
    minItems: 1,
    ...(parallelCalls ? {} : { maxItems: 1 }),
    items: {
      anyOf: tools.map((tool) => ({
        type: "object",
        properties: { name: { const: tool.function.name }, parameters: parametersOf(tool) },
        required: ["name", "parameters"],
        additionalProperties: false,
      })),
    },
  };
}

function parametersOf(tool: ToolDefinition): unknown {
  const { parameters } = tool.function;
  if (parameters === undefined || Object.keys(parameters).length === 0)
    return { type: "object", properties: {}, additionalProperties: false };
  return parameters;
}

function refuseRepeatedNames(tools: readonly ToolDefinition[]): void {
  const names = new Set<string>();
  for (const { function: tool } of tools) {
    if (names.has(tool.name))
      throw refused(
        "tools",
        `'tools' has two functions named '${shownText(tool.name)}'.`,
        "Give each one its own name.",
      );
    names.add(tool.name);
  }
}

function refuseUnknownFormat(model: ServedModel): void {
  if (model.answerFormat.toolCalls !== null) return;
  throw refused(
    "tools",
    "It is not known how this model writes calls of functions: its chat template does not say.",
    `Send 'tool_choice': "required" to force a call, or start the server with --tool-call-parser.`,
  );
}

function refused(param: string, message: string, hint: string): PagodaError {
  return new PagodaError("invalid_request", message, { param, hint });
}
