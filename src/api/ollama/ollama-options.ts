/** @module `options` of Ollama's requests: each entry has the meaning of a field of its own. */
import { z } from "zod";
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { ServedModel } from "../../core/generation.ts";
import { reasoningMarks } from "../answer/reasoning.ts";
import type { EndpointFields, RefusedField } from "../fields/endpoint-fields.ts";
import { requireObject } from "../fields/parse-body.ts";
import { samplingShape } from "../fields/sampling-fields.ts";
import { jsonObject } from "../json-object.ts";

/** How long the model stays loaded; it always stays here. */
export const keepAliveSchema = z
  .union([z.string(), z.number()], { error: 'must be a duration such as "5m"' })
  .nullish();

/** Nanoseconds, in which the protocol counts. */
export function durationOfMs(ms: number): number {
  return Math.round(ms * 1e6);
}

const formatSchema = z
  .union([z.enum(["json", ""]), jsonObject], { error: 'must be "json" or a JSON Schema' })
  .nullish();

/** The fields that requests and their options have in common. */
export const ollamaShape = {
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  keep_alive: keepAliveSchema,
  think: z
    .union([z.boolean(), z.enum(["high", "medium", "low"])], { error: "must be true, false or a level" })
    .nullish(),
  format: formatSchema,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().nonnegative().nullish(),
  temperature: samplingShape.temperature,
  top_k: samplingShape.top_k,
  top_p: samplingShape.top_p,
  min_p: samplingShape.min_p,
  seed: samplingShape.seed,
  stop: samplingShape.stop,
  repetition_penalty: samplingShape.repetition_penalty,
  presence_penalty: samplingShape.presence_penalty,
  frequency_penalty: samplingShape.frequency_penalty,
  max_tokens: z.number().int().min(-2).nullish(),
  num_ctx: z.number().int().min(1).nullish(),
  penalize_newline: z.literal(true, { error: "must be true: penalties count every token here" }).nullish(),
} as const;

/** Fields of the protocol beside those of the schemas. */
export const otherOllamaFields: Omit<EndpointFields, "schema"> = {
  // Other servers ask for a feature with them; here they are part of the protocol.
  ownFields: new Set(["think", "num_ctx"]),
  refused: new Map(
    ["width", "height", "steps"].map((name): [string, RefusedField] => [
      name,
      {
        isHarmless: () => false,
        why: "is for models that make images, and this one writes text",
        instead: `Leave '${name}' out.`,
      },
    ]),
  ),
  ignored: new Map([["num_keep", "nothing is dropped from a prompt"]]),
};

/** How the runner loads a model: nothing of it changes the text. */
export const loadingOptions: ReadonlySet<string> = new Set([
  "numa",
  "num_batch",
  "num_gpu",
  "main_gpu",
  "low_vram",
  "f16_kv",
  "logits_all",
  "vocab_only",
  "use_mmap",
  "use_mlock",
  "embedding_only",
  "num_thread",
]);

/** The body with its options as fields. Throws `invalid_request` where one of the two is not an object. */
export function withOptionsAsFields(body: unknown): Readonly<Record<string, unknown>> {
  const { options = null, ...fields } = requireObject(body);
  if (options === null) return fields;
  if (typeof options !== "object" || Array.isArray(options))
    throw new PagodaError("invalid_request", "'options' must be an object.", {
      param: "options",
      hint: `Send for example {"temperature": 0}.`,
    });
  const stated = Object.entries(options).filter(([name]) => !loadingOptions.has(name));
  return { ...Object.fromEntries(stated), ...fields };
}

/** `format`: "json" or a schema; null where the text is free. */
export function formatConstraint(
  format: z.infer<typeof formatSchema>,
  { answerFormat }: ServedModel,
): OutputConstraint | null {
  if (format === null || format === undefined || format === "") return null;
  return {
    rule: format === "json" ? { kind: "json-object" } : { kind: "json-schema", schema: format },
    param: "format",
    reasoning: reasoningMarks(answerFormat.reasoning),
  };
}

/** Fields that change nothing here although their client meant them to: logged with the unknown ones. */
export function fieldsIgnored(
  fields: { readonly num_ctx?: number | null | undefined },
  model: ServedModel,
): string[] {
  return (fields.num_ctx ?? 0) > model.maxModelLen ? ["options.num_ctx"] : [];
}

/** Less than 0 is "as many as there is room for". */
export function toMaxTokens(numPredict: number | null | undefined): number | null {
  return (numPredict ?? -1) < 0 ? null : (numPredict ?? null);
}

/** The names under which templates of models that think read whether, and how much, they should. */
export function thinkVariables(think: boolean | string | null | undefined): Record<string, unknown> {
  if (think === null || think === undefined) return {};
  if (typeof think === "boolean") return { enable_thinking: think };
  return { enable_thinking: true, reasoning_effort: think };
}
