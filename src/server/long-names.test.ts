/** What a client calls things may be as long as a body. An answer that refuses it is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import { testApp } from "./testing/test-app.ts";

const long = "a".repeat(50_000);
const longInHeader = "a".repeat(12_000);
const messages = [{ role: "user", content: "hi" }];
const json = { "content-type": "application/json" };
const post = (url: string, payload: object | string, headers: object = json) =>
  ({ method: "POST", url, payload, headers: { ...headers } }) as const;
const completions = (fields: object) => post("/v1/completions", { prompt: "a", ...fields });
const chat = (fields: object) => post("/v1/chat/completions", { messages, ...fields });

const requests = {
  model: completions({ model: long }),
  "key of logit_bias": completions({ logit_bias: { [long]: "x" } }),
  "token id of logit_bias": completions({ logit_bias: { [long]: 1 } }),
  "value of a number": completions({ temperature: long }),
  "name of a field": completions({ [long]: new Array(65_537).fill(1) }),
  "type of a part": chat({ messages: [{ role: "user", content: [{ type: long }] }] }),
  "template variable": chat({ enable_thinking: long, chat_template_kwargs: { enable_thinking: 1 } }),
  "model of /tokenize": post("/tokenize", { prompt: "a", model: long }),
  path: post(`/v1/${longInHeader}`, {}),
  "path without /v1": post(`/models/${longInHeader}`, {}),
  "path of another method": post(`/v1/models/${longInHeader}`, {}),
  "path that is not UTF-8": { method: "GET", url: `/%ff${longInHeader}` },
  "model in a path": { method: "GET", url: `/v1/models/${longInHeader}` },
  "model in a query": { method: "GET", url: `/admin/memory?model=${longInHeader}` },
  "content type": post("/v1/completions", "{}", { "content-type": `a/${longInHeader}` }),
  "content encoding": post("/v1/completions", "{}", { ...json, "content-encoding": longInHeader }),
  "text that is not JSON": post("/v1/completions", long),
} as const;

for (const [what, request] of Object.entries(requests))
  test(`a refusal does not repeat a long ${what}`, async () => {
    const { app } = testApp({ text: "a" });
    const { statusCode, body, json: parsed } = await app.inject(request);
    assert.ok(statusCode >= 400 && statusCode < 500, body.slice(0, 200));
    assert.ok(body.length < 700, `${body.length} characters: ${body.slice(0, 700)}`);
    assert.doesNotMatch(body, /a{101}/);
    assert.equal(typeof parsed().error.message, "string");
  });

test("a message of any room is bounded, whatever it repeats", async () => {
  const { app } = testApp({
    text: "a",
    beforeToken: () => Promise.reject(new PagodaError("invalid_request", `The GPU "${long}" is unknown.`)),
  });
  const { body } = await app.inject(completions({}));
  assert.match(body, /The GPU/);
  assert.ok(body.length < 1200, `${body.length} characters`);
});
