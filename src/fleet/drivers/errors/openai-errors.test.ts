import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../../../core/endpoint.ts";
import { openAiError, withOpenAiErrors } from "./openai-errors.ts";

test("the flat error of LMDeploy and of old vLLM is put into an envelope", () => {
  const flat = {
    object: "error",
    message: "Too long.",
    type: "invalid_request_error",
    param: "prompt",
    code: 400,
  };
  assert.deepEqual(openAiError(400, JSON.stringify(flat)), {
    message: "Too long.",
    type: "invalid_request_error",
    param: "prompt",
    code: 400,
  });
});

test("other shapes keep their words", () => {
  const wordsOf = (body: unknown) => openAiError(422, JSON.stringify(body))?.message;
  assert.equal(wordsOf({ detail: "Not Found" }), "Not Found");
  const detail = [{ loc: ["body", "messages"], msg: "Field required", type: "missing" }];
  assert.equal(wordsOf({ detail }), "body.messages: Field required");
  assert.equal(
    wordsOf({ error_code: 10400, text: "The model does not exist." }),
    "The model does not exist.",
  );
  assert.equal(wordsOf({ error: "model not loaded" }), "model not loaded");
  assert.equal(openAiError(500, "Internal Server Error")?.message, "Internal Server Error");
  assert.equal(openAiError(503, "")?.message, "The engine answered 503 without a reason.");
});

test("an error of OpenAI's or Anthropic's shape stays as it is", () => {
  assert.equal(openAiError(404, JSON.stringify({ error: { message: "No." } })), null);
  assert.equal(
    openAiError(404, JSON.stringify({ type: "error", error: { type: "x", message: "No." } })),
    null,
  );
});

/** An endpoint that answers with these pieces. */
const answering = (status: number, pieces: readonly string[]): Endpoint => ({
  model: { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 },
  capabilities: { routes: new Set(), features: new Set() },
  health: async () => ({ state: "ready", reason: null }),
  snapshot: async () => null,
  forward: async () => ({
    status,
    headers: { "content-type": "text/plain", "content-length": "1" },
    body: (async function* () {
      for (const piece of pieces) yield Buffer.from(piece);
    })(),
  }),
});

async function passed(endpoint: Endpoint) {
  const request = { method: "POST", path: "/", headers: {}, body: null };
  const answer = await endpoint.forward(request, new AbortController().signal);
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return { answer, text: Buffer.concat(pieces).toString() };
}

test("length and type of a shaped error are its own; an answer and a long error pass unread", async () => {
  const { answer, text } = await passed(withOpenAiErrors(answering(400, ['{"message":', '"No."}'])));
  assert.equal(JSON.parse(text).error.message, "No.");
  assert.equal(answer.headers["content-length"], String(text.length));
  assert.equal(answer.headers["content-type"], "application/json");
  assert.equal((await passed(withOpenAiErrors(answering(200, ["a", "b"])))).text, "ab");
  const long = Array.from({ length: 40 }, () => "x".repeat(4096));
  assert.equal((await passed(withOpenAiErrors(answering(500, long)))).text, long.join(""));
});
