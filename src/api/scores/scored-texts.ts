/** @module The two sides of a comparison on the wire, and their pairs. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import { shownText } from "../shown-text.ts";

const part = z.looseObject({ type: z.string(), text: z.unknown().optional() });
const textObject = z
  .looseObject({ text: z.string().nullish(), content: z.array(part).nullish() })
  .refine(({ text = null, content = null }) => text !== null || content !== null);

/** A text, or an object that holds one (`text` as at Cohere and Jina, `content` with parts as on vLLM). */
const scoredText = z.union([z.string(), textObject], { error: 'must be a text or {"text": "…"}' });

export const scoredTextsSchema = z.union([scoredText, z.array(scoredText).min(1)], {
  error: "must be a text or an array of at least one text",
});
export const scoredTextSchema = scoredText;

type ScoredText = z.infer<typeof scoredText>;

/** Throws `invalid_request` that names the part that is no text. */
export function textsOf(value: z.infer<typeof scoredTextsSchema>, param: string): readonly string[] {
  if (!Array.isArray(value)) return [textOf(value, param)];
  return value.map((each, i) => textOf(each, `${param}.${i}`));
}

export function textOf(value: ScoredText, param: string): string {
  if (typeof value === "string") return value;
  if (typeof value.text === "string") return value.text;
  const parts = value.content ?? [];
  const other = parts.findIndex(({ type, text }) => type !== "text" || typeof text !== "string");
  if (parts.length > 0 && other < 0) return parts.map(({ text }) => text as string).join("");
  throw new PagodaError(
    "invalid_request",
    other < 0
      ? `'${shownText(param)}' holds no text.`
      : `'${shownText(param)}.content.${other}' is a part of type '${shownText(parts[other]?.type ?? "")}', and this model reads texts only.`,
    { param, hint: 'Send a text, or {"text": "…"}.' },
  );
}

export interface TextPairs {
  readonly first: readonly string[];
  readonly second: readonly string[];
}

/** One with one, one with each of several, or each with its own. Throws `invalid_request` for other numbers. */
export function requirePairs({ first, second }: TextPairs, names: readonly [string, string]): TextPairs {
  if (first.length === 1 || first.length === second.length) return { first, second };
  throw new PagodaError(
    "invalid_request",
    `'${names[0]}' holds ${first.length} texts and '${names[1]}' ${second.length}: they cannot be paired.`,
    {
      param: names[1],
      hint: `Send one text as '${names[0]}', or as many as '${names[1]}' has.`,
    },
  );
}
