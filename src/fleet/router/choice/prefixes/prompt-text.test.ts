import assert from "node:assert/strict";
import { test } from "node:test";
import { promptText } from "./prompt-text.ts";

test("all messages and the tools are text of the prompt, in the order of templates", () => {
  const body = {
    temperature: 0.3,
    messages: [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "image_url", image_url: { url: "u" } },
        ],
      },
      { role: "assistant", content: null, tool_calls: [{ id: "1" }] },
    ],
    tools: [{ type: "function", function: { name: "f" } }],
    model: "m",
  };
  assert.deepEqual(
    [...promptText(body)],
    [
      "m",
      '{"type":"function","function":{"name":"f"}}',
      "system",
      "Be brief.",
      "user",
      "Hi",
      '{"type":"image_url","image_url":{"url":"u"}}',
      "assistant",
      '[{"id":"1"}]',
    ],
  );
});

test("texts, lists of texts and token ids are prompts", () => {
  assert.deepEqual([...promptText({ prompt: "a" })], ["a"]);
  assert.deepEqual([...promptText({ prompt: ["a", "b"] })], ["a", "b"]);
  assert.deepEqual([...promptText({ prompt: [1, 2, 3] })], ["1 2 3"]);
  assert.deepEqual([...promptText({ input: [[1, 2], [3]] })], ["1 2", "3"]);
  assert.deepEqual([...promptText({ system: "s", messages: [] })], ["s"]);
});

test("what is no request has no text", () => {
  for (const body of [null, 3, "x", [], {}, { messages: 7 }]) assert.deepEqual([...promptText(body)], []);
});
