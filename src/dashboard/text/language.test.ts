import assert from "node:assert/strict";
import { test } from "node:test";
import { en, type TextName } from "./en.ts";
import { languageOf, textIn } from "./language.ts";
import { zhCn } from "./zh-cn.ts";

const valuesIn = (text: string): readonly string[] => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

test("both languages have every sentence, with the same values in it", () => {
  assert.deepEqual(Object.keys(zhCn).sort(), Object.keys(en).sort());
  for (const [name, text] of Object.entries(en))
    assert.deepEqual(valuesIn(zhCn[name as TextName]), valuesIn(text), name);
});

test("the stated language wins, then the visitor's first known one", () => {
  assert.equal(languageOf("zh-CN", ["en"]), "zh-CN");
  assert.equal(languageOf(null, ["fr-FR", "zh-TW", "en"]), "zh-CN");
  assert.equal(languageOf("tlh", ["de"]), "en");
});

test("values are filled in, and a missing one stays visible", () => {
  assert.equal(textIn("en", "figure.tokens", { n: 3 }), "3 tokens");
  assert.equal(textIn("zh-CN", "figure.tokens"), "{n} 个 token");
});
