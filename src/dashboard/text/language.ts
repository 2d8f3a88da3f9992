/** @module The language of the page, and its sentences with their values. */
import { en, type TextName } from "./en.ts";
import { zhCn } from "./zh-cn.ts";

export const languages = { en: "English", "zh-CN": "简体中文" } as const;
export type Language = keyof typeof languages;

const texts: Readonly<Record<Language, Readonly<Record<TextName, string>>>> = { en, "zh-CN": zhCn };

type Values = Readonly<Record<string, string | number>>;

/** The stated language, else the first of the visitor's that the page has, else English. */
export function languageOf(stated: string | null, preferred: readonly string[]): Language {
  const known = [stated ?? "", ...preferred].map((tag) => tag.toLowerCase());
  for (const tag of known) {
    if (tag.startsWith("zh")) return "zh-CN";
    if (tag.startsWith("en")) return "en";
  }
  return "en";
}

/** A sentence with its `{names}` filled in; a name without a value stays as it is. */
export function textIn(language: Language, name: TextName, values: Values = {}): string {
  return texts[language][name].replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));
}
