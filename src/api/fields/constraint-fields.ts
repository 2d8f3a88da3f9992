/** @module Fields that state what the text of an answer must match: OpenAI's, vLLM's (old and new), llama.cpp's and SGLang's. */
import { z } from "zod";
import type { ConstraintRule, OutputConstraint } from "../../core/answer/output-constraint.ts";
import type { ReasoningFormat } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import { reasoningMarks } from "../answer/reasoning.ts";

const schema = z.union([z.record(z.string(), z.unknown()), z.boolean(), z.string().min(1)], {
  error: "must be a JSON Schema: an object, or its text",
});
const choices = z.array(z.string()).min(1).max(10_000);
const longText = z.string().min(1).max(100_000);

/** Field → value; null is the same as absent. */
export const constraintShape = {
  response_format: z
    .looseObject({
      type: z.enum(["text", "json_object", "json_schema", "structural_tag"]),
      json_schema: z.looseObject({ schema: schema.nullish() }).nullish(),
      /** llama.cpp puts it here. */
      schema: schema.nullish(),
    })
    .nullish(),
  structured_outputs: z
    .looseObject({
      json: schema.nullish(),
      regex: longText.nullish(),
      choice: choices.nullish(),
      grammar: longText.nullish(),
      json_object: z.boolean().nullish(),
      structural_tag: z.union([longText, z.record(z.string(), z.unknown())]).nullish(),
    })
    .nullish(),
  guided_json: schema.nullish(),
  guided_regex: longText.nullish(),
  guided_choice: choices.nullish(),
  guided_grammar: longText.nullish(),
  grammar: z.string().max(100_000).nullish(),
  json_schema: schema.nullish(),
  regex: longText.nullish(),
  ebnf: longText.nullish(),
} as const;

const constraintSchema = z.object(constraintShape);
export type ConstraintFields = z.infer<typeof constraintSchema>;

/**
 * `reasoning`: what may come before the text; null: nothing. Throws `invalid_request` where more than one rule is stated, or a schema is not JSON.
 * null: there is none.
 */
export function toConstraint(
  fields: ConstraintFields,
  reasoning: ReasoningFormat | null,
): OutputConstraint | null {
  const stated = [
    ofResponseFormat(fields.response_format),
    ...ofStructuredOutputs(fields.structured_outputs),
    schemaRule("guided_json", fields.guided_json),
    schemaRule("json_schema", fields.json_schema),
    ruleOf("guided_regex", fields.guided_regex, (pattern) => ({ kind: "regex", pattern })),
    ruleOf("regex", fields.regex, (pattern) => ({ kind: "regex", pattern })),
    ruleOf("guided_choice", fields.guided_choice, (texts) => ({ kind: "choice", texts })),
    ruleOf("guided_grammar", fields.guided_grammar, (source) => ({ kind: "grammar", source })),
    // llama.cpp's clients send an empty text for none.
    ruleOf("grammar", fields.grammar === "" ? null : fields.grammar, (source) => ({
      kind: "grammar",
      source,
    })),
    ruleOf("ebnf", fields.ebnf, (source) => ({ kind: "grammar", source })),
  ].filter((one) => one !== null);
  const [first, second] = stated;
  if (first === undefined) return null;
  if (second !== undefined)
    throw new PagodaError(
      "invalid_request",
      `'${first.param}' and '${second.param}' both say what the text must match.`,
      {
        param: second.param,
        hint: "Send one of them.",
      },
    );
  return { ...first, reasoning: reasoningMarks(reasoning) };
}

interface StatedRule {
  readonly param: string;
  readonly rule: ConstraintRule;
}

function ruleOf<Value>(
  param: string,
  value: Value | null | undefined,
  toRule: (value: Value) => ConstraintRule,
): StatedRule | null {
  return value === null || value === undefined ? null : { param, rule: toRule(value) };
}

function schemaRule(param: string, value: unknown): StatedRule | null {
  return ruleOf(param, value, (stated) => ({ kind: "json-schema", schema: parsedIfText(param, stated) }));
}

function ofResponseFormat(format: ConstraintFields["response_format"]): StatedRule | null {
  if (format === null || format === undefined || format.type === "text") return null;
  const param = "response_format";
  const stated = format.json_schema?.schema ?? format.schema ?? null;
  if (format.type === "structural_tag") return { param, rule: { kind: "structural-tag", format } };
  if (stated !== null) return schemaRule(param, stated);
  if (format.type === "json_object") return { param, rule: { kind: "json-object" } };
  throw new PagodaError("invalid_request", "'response_format.json_schema.schema' is missing.", {
    param: "response_format.json_schema.schema",
    hint: 'Send {"type": "json_schema", "json_schema": {"name": "…", "schema": {…}}}.',
  });
}

function ofStructuredOutputs(
  outputs: ConstraintFields["structured_outputs"],
): readonly (StatedRule | null)[] {
  if (outputs === null || outputs === undefined) return [];
  const param = (name: string): string => `structured_outputs.${name}`;
  return [
    schemaRule(param("json"), outputs.json),
    ruleOf(param("regex"), outputs.regex, (pattern) => ({ kind: "regex", pattern })),
    ruleOf(param("choice"), outputs.choice, (texts) => ({ kind: "choice", texts })),
    ruleOf(param("grammar"), outputs.grammar, (source) => ({ kind: "grammar", source })),
    outputs.json_object === true ? { param: param("json_object"), rule: { kind: "json-object" } } : null,
    ruleOf(param("structural_tag"), outputs.structural_tag, (format) => ({
      kind: "structural-tag",
      format: parsedIfText(param("structural_tag"), format),
    })),
  ];
}

function parsedIfText(param: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new PagodaError("invalid_request", `'${param}' is not JSON: ${(cause as Error).message}.`, {
      param,
      hint: "Send it as an object, or as the text of one.",
      cause,
    });
  }
}
