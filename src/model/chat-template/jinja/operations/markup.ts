/** @module MarkupSafe's `escape`, for `|e`, `|escape` and automatic escaping. */
import { chargeText } from "../values/bounds.ts";
import { str } from "../values/printing.ts";
import { Markup, type PyValue } from "../values/values.ts";

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  ">": "&gt;",
  "<": "&lt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** The value's text, safe in HTML; Markup is that already. */
export function escapeMarkup(value: PyValue): Markup {
  if (value instanceof Markup) return value;
  return escapeText(str(value));
}

export function escapeText(text: string): Markup {
  const escaped = text.replaceAll(/[&<>'"]/g, (character) => entities[character] ?? character);
  chargeText(escaped.length);
  return new Markup(escaped);
}
