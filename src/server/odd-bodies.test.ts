/** Bodies that nobody meant: whatever is sent is answered, and never with 500. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { testApp } from "./testing/test-app.ts";

const names = [
  ...[
    "model",
    "prompt",
    "messages",
    "max_tokens",
    "n_predict",
    "temperature",
    "top_p",
    "n",
    "stop",
    "logit_bias",
  ],
  ...[
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "chat_template_kwargs",
    "enable_thinking",
    "logprobs",
  ],
  ...[
    "top_logprobs",
    "seed",
    "echo",
    "grammar",
    "response_format",
    "tokens",
    "add_special_tokens",
    "options",
  ],
  ...["__proto__", "constructor", "toString", ""],
];
const good = { prompt: "a", messages: [{ role: "user", content: "hi" }], tokens: [97], model: "scripted" };
const urls = [
  "/v1/chat/completions",
  "/v1/completions",
  "/tokenize",
  "/detokenize",
  "/v1/models/x",
  "/nowhere",
];

const mutated = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 4 })), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([fields, isBased]) =>
    JSON.stringify({
      ...(isBased ? good : {}),
      ...Object.fromEntries(fields.filter(([name]) => name !== "__proto__")),
    }),
  );
const broken = fc.oneof(
  fc.json(),
  fc.string(),
  mutated.chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
);

test("any body is answered: with a result, or with an error in OpenAI's shape that is not ours", async () => {
  const { app } = testApp({ text: "ok" });
  const request = fc.tuple(fc.constantFrom(...urls), fc.oneof({ weight: 3, arbitrary: mutated }, broken));
  await fc.assert(
    fc.asyncProperty(request, async ([url, payload]) => {
      const headers = { "content-type": "application/json" };
      const answer = await app.inject({ method: "POST", url, payload, headers });
      assert.notEqual(answer.statusCode, 500, `${url} ${payload} → ${answer.body}`);
      if (answer.statusCode < 400) return;
      const { error } = answer.json();
      assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
      assert.match(error.message, /^['A-Z].*\.$/s, error.message);
      assert.ok(error.message.length < 1000, error.message);
    }),
    { numRuns: 1500, seed: 20_261_201 },
  );
});
