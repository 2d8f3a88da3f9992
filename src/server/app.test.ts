import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import { eventsOf, testApp } from "./testing/test-app.ts";

const post = (url: string, payload: object) => ({ method: "POST", url, payload }) as const;
const messages = [{ role: "user", content: "hi" }];

test("a chat completion, whole", async () => {
  const { app, service } = testApp({ text: "hello" });
  const response = await app.inject(
    post("/v1/chat/completions", { model: "scripted", messages, logprobs: true, top_logprobs: 2, seed: 7 }),
  );
  assert.equal(response.statusCode, 200);
  const body = response.json();
  assert.equal(body.object, "chat.completion");
  assert.deepEqual(body.choices[0].message, { role: "assistant", content: "hello", refusal: null });
  assert.equal(body.choices[0].finish_reason, "stop");
  assert.deepEqual(body.choices[0].logprobs.content[0], {
    token: "h",
    logprob: -0.5,
    bytes: [104],
    top_logprobs: [
      { token: "h", logprob: -0.5, bytes: [104] },
      { token: "i", logprob: -1.5, bytes: [105] },
    ],
  });
  assert.deepEqual(body.usage, {
    prompt_tokens: 2,
    total_tokens: 7,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 1 },
  });
  assert.equal(service.requests[0]?.sampling.seed, 7);
});

test("a chat completion, streamed: role, text, ending, usage, [DONE]", async () => {
  const { app } = testApp({ text: "abc" });
  const response = await app.inject(
    post("/v1/chat/completions", {
      messages,
      max_tokens: 2,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  assert.match(String(response.headers["content-type"]), /^text\/event-stream/);
  const chunks = eventsOf(response.body) as {
    choices: { delta: object; finish_reason: string | null }[];
    usage: unknown;
  }[];
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0]?.delta),
    [{ role: "assistant", content: "" }, { content: "a" }, { content: "b" }, {}, undefined],
  );
  assert.equal(chunks[3]?.choices[0]?.finish_reason, "length");
  assert.deepEqual(
    chunks.map((chunk) => (chunk.usage === null ? null : "usage")),
    [null, null, null, null, "usage"],
  );
});

test("completions take a text, texts, token ids and arrays of token ids", async () => {
  const cases: [unknown, string[]][] = [
    ["ab", ["ab!"]],
    [
      ["ab", "c"],
      ["ab!", "c!"],
    ],
    [[97, 98], ["ab!"]],
    [
      [[97], [98, 99]],
      ["a!", "bc!"],
    ],
  ];
  for (const [prompt, texts] of cases) {
    const { app } = testApp({ text: "!" });
    const body = (await app.inject(post("/v1/completions", { prompt, echo: true }))).json();
    assert.deepEqual(
      body.choices.map((choice: { text: string }) => choice.text),
      texts,
    );
  }
});

test("choices of several prompts with n are numbered prompt by prompt", async () => {
  const { app } = testApp({ text: "xy" });
  const request = { prompt: ["a", "b"], n: 2, max_tokens: 1 };
  const body = (await app.inject(post("/v1/completions", request))).json();
  assert.deepEqual(
    body.choices.map((choice: { index: number; text: string }) => [choice.index, choice.text]),
    [
      [0, "x"],
      [1, "x"],
      [2, "x"],
      [3, "x"],
    ],
  );
  assert.equal(body.usage.prompt_tokens, 2);
  assert.equal(body.usage.completion_tokens, 4);
  const streamed = eventsOf((await app.inject(post("/v1/completions", { ...request, stream: true }))).body);
  const indexes = streamed.map((chunk) => (chunk as { choices: { index: number }[] }).choices[0]?.index);
  assert.deepEqual(new Set(indexes), new Set([0, 1, 2, 3]));
});

test("scoring: echo with log-probabilities and max_tokens 0, tokens named by id", async () => {
  const { app } = testApp({ text: "unused" });
  const request = {
    prompt: [97, 98],
    echo: true,
    logprobs: 1,
    max_tokens: 0,
    return_tokens_as_token_ids: true,
  };
  const [choice] = (await app.inject(post("/v1/completions", request))).json().choices;
  assert.deepEqual(choice.logprobs, {
    text_offset: [0, 1],
    token_logprobs: [null, -0.5],
    tokens: ["token_id:97", "token_id:98"],
    top_logprobs: [null, { "token_id:98": -0.5 }],
  });
  assert.equal(choice.text, "ab");
  assert.equal(choice.finish_reason, "length");
});

test("prompt_logprobs and token ids, whole and streamed", async () => {
  const { app } = testApp({ text: "z" });
  const request = { prompt: "ab", prompt_logprobs: 1, return_token_ids: true };
  const [whole] = (await app.inject(post("/v1/completions", request))).json().choices;
  const expected = [null, { "98": { logprob: -0.5, rank: 1, decoded_token: "b" } }];
  assert.deepEqual(whole.prompt_logprobs, expected);
  assert.deepEqual([whole.prompt_token_ids, whole.token_ids], [[97, 98], [122]]);
  const [first] = eventsOf(
    (await app.inject(post("/v1/completions", { ...request, stream: true }))).body,
  ) as {
    choices: { prompt_logprobs: unknown; prompt_token_ids: unknown }[];
  }[];
  assert.deepEqual(first?.choices[0]?.prompt_logprobs, expected);
  assert.deepEqual(first?.choices[0]?.prompt_token_ids, [97, 98]);
});

test("a known field that cannot be honoured is refused by name, its harmless values are not", async () => {
  const { app } = testApp({ text: "a" });
  const refused: [string, unknown, unknown][] = [
    ["tools", [{ type: "function" }], []],
    ["tool_choice", "required", "none"],
    ["response_format", { type: "json_object" }, { type: "text" }],
    ["structured_outputs", { regex: "a" }, null],
    ["functions", [{}], []],
    ["chat_template", "{{ x }}", null],
    ["use_beam_search", true, false],
    ["modalities", ["audio"], ["text"]],
    ["truncate_prompt_tokens", 3, null],
  ];
  for (const [field, value, harmless] of refused) {
    const response = await app.inject(post("/v1/chat/completions", { messages, [field]: value }));
    assert.equal(response.statusCode, 400, field);
    const { error } = response.json();
    assert.deepEqual(
      [error.param, error.code, error.type],
      [field, "invalid_request", "invalid_request_error"],
    );
    assert.ok(error.message.includes(`'${field}'`));
    const allowed = await app.inject(post("/v1/chat/completions", { messages, [field]: harmless }));
    assert.equal(allowed.statusCode, 200, field);
  }
});

test("fields out of range are refused by name", async () => {
  const { app } = testApp({ text: "a" });
  const wrong: Record<string, unknown> = {
    temperature: -1,
    top_p: 0,
    top_k: -2,
    min_p: 2,
    n: 0,
    logit_bias: { x: 1 },
    stop: [""],
    prompt_logprobs: 5,
    logprobs: 5,
    max_tokens: -1,
    seed: 1.5,
    prompt: [],
    stream_options: { include_usage: true },
    priority: "high",
  };
  for (const [field, value] of Object.entries(wrong)) {
    const response = await app.inject(post("/v1/completions", { prompt: "a", [field]: value }));
    assert.equal(response.statusCode, 400, field);
    assert.equal(response.json().error.param, field);
  }
  const length = await app.inject(post("/v1/completions", { prompt: "a", max_tokens: 2, min_tokens: 3 }));
  assert.match(length.json().error.message, /'min_tokens' is 3, above the 2 of 'max_tokens'/);
});

test("an unknown field is ignored, and logged once", async () => {
  const { app, logLines } = testApp({ text: "a" });
  for (let i = 0; i < 3; i++)
    assert.equal((await app.inject(post("/v1/completions", { prompt: "a", frobnicate: i }))).statusCode, 200);
  assert.equal(logLines.filter((line) => line.includes("frobnicate")).length, 1);
});

test("faults at the door have OpenAI's shape", async () => {
  const { app } = testApp({ text: "a" });
  const json = { "content-type": "application/json" };
  const cases = [
    [{ method: "POST", url: "/v1/completions", payload: "{", headers: json }, 400, "invalid_request"],
    [{ method: "POST", url: "/v1/completions", payload: "[]", headers: json }, 400, "invalid_request"],
    [
      { method: "POST", url: "/v1/completions", payload: "x", headers: { "content-type": "text/plain" } },
      415,
      "unsupported_media_type",
    ],
    [
      { method: "POST", url: "/v1/completions", payload: `"${"a".repeat(5e6)}"`, headers: json },
      413,
      "request_too_large",
    ],
    [{ method: "GET", url: "/nowhere" }, 404, "not_found"],
    [{ method: "GET", url: "/v1/models/org/other" }, 404, "model_not_found"],
    [post("/v1/completions", { model: "other", prompt: "a" }), 404, "model_not_found"],
    [post("/v1/completions", { prompt: [1, "a"] }), 400, "invalid_request"],
    [post("/v1/completions", { prompt: [[1], [0.5]] }), 400, "invalid_request"],
    [post("/v1/completions", { prompt: "a", stop: new Array(70_000).fill("b") }), 400, "invalid_request"],
    [post("/v1/chat/completions", { messages: new Array(70_000).fill({}) }), 400, "invalid_request"],
    [post("/v1/completions", { prompt: "a".repeat(65) }), 400, "context_length_exceeded"],
    [post("/v1/completions", { prompt: "a".repeat(65), stream: true }), 400, "context_length_exceeded"],
  ] as const;
  for (const [request, status, code] of cases) {
    const response = await app.inject(request);
    const { error } = response.json();
    assert.deepEqual([response.statusCode, error.code], [status, code], JSON.stringify(error));
    assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  }
});

for (const numBefore of [0, 1])
  test(`of two streamed prompts one fails after ${numBefore} tokens: nothing follows its error`, async () => {
    const { app, service } = testApp({ text: "" });
    const otherEnded = Promise.withResolvers<number>();
    service.generate = async function* ({ prompt }) {
      yield { type: "prompt", promptTokenIds: [97], numCachedTokens: 0, promptLogprobs: null };
      const fails = prompt.kind === "text" && prompt.text === "a";
      let numConsumed = 0;
      try {
        for (let i = 0; i < 20; i++) {
          if (fails && i === numBefore) throw new PagodaError("engine_failed", "a thread died");
          // What was queued before the failure still comes, and so late that the answer has ended.
          if (i >= numBefore) await new Promise((resolve) => setImmediate(resolve));
          yield { type: "delta", index: 0, text: "x", tokenIds: [120], logprobs: null };
          numConsumed++;
        }
      } finally {
        if (!fails) otherEnded.resolve(numConsumed);
      }
    };
    const response = await app.inject(post("/v1/completions", { prompt: ["a", "b"], stream: true }));
    assert.equal(await otherEnded.promise, numBefore);
    assert.equal(response.statusCode, numBefore === 0 ? 500 : 200);
    const error =
      numBefore === 0
        ? response.json().error
        : (eventsOf(response.body) as { error?: { code: string } }[]).at(-1)?.error;
    assert.equal(error?.code, "engine_failed");
  });

test("our own faults tell the client nothing of themselves, before and within a stream", async () => {
  const { app, logLines } = testApp({
    text: "abc",
    beforeToken: async (i) => {
      if (i === 1) throw new TypeError("secret detail");
    },
  });
  const whole = await app.inject(post("/v1/completions", { prompt: "a" }));
  assert.equal(whole.statusCode, 500);
  assert.equal(whole.json().error.code, "internal");
  const streamed = await app.inject(post("/v1/completions", { prompt: "a", stream: true }));
  assert.equal(streamed.statusCode, 200);
  const events = eventsOf(streamed.body) as { error?: { code: string } }[];
  assert.equal(events.at(-1)?.error?.code, "internal");
  assert.ok(!`${whole.body}${streamed.body}`.includes("secret"));
  assert.equal(logLines.filter((line) => line.includes("secret detail")).length, 2);
});

test("health, models, version, memory; and all of them while loading, draining and after a failure", async () => {
  const { app, servedModels, service } = testApp({ text: "a" });
  assert.equal((await app.inject("/health")).statusCode, 200);
  assert.deepEqual((await app.inject("/version")).json(), { version: "1.2.3" });
  const [card] = (await app.inject("/v1/models")).json().data;
  assert.deepEqual([card.id, card.root, card.max_model_len], ["scripted", "org/scripted", 64]);
  assert.equal((await app.inject("/v1/models/scripted")).json().id, "scripted");
  assert.deepEqual((await app.inject("/admin/memory")).json(), service.memory());
  service.failureReason = "a thread died";
  const failed = await app.inject("/health");
  assert.deepEqual([failed.statusCode, failed.json().error.code], [500, "engine_failed"]);
  service.failureReason = null;
  servedModels.drain();
  const draining = await app.inject("/health");
  assert.deepEqual([draining.statusCode, draining.headers["retry-after"]], [503, "1"]);
  const request = await app.inject(post("/v1/completions", { prompt: "a" }));
  assert.deepEqual([request.statusCode, request.json().error.code], [503, "not_ready"]);
});

test("a request that states one of the four sampling fields leaves the recommendation out; models tell what applies", async () => {
  const { app, service } = testApp({ text: "a" });
  const recommended = { temperature: 0.2, topP: 0.9 };
  Object.assign(service.model, {
    defaultSampling: { ...service.model.defaultSampling, ...recommended },
    samplingOrigin: "recommended for a test",
  });
  const bodies = [{}, { temperature: 0.7 }, { top_k: 5 }, { seed: 3, max_tokens: 2 }];
  for (const body of bodies) await app.inject(post("/v1/chat/completions", { messages, ...body }));
  const sampled = service.requests.map(({ sampling }) => [
    sampling.temperature,
    sampling.topP,
    sampling.topK,
  ]);
  assert.deepEqual(sampled, [
    [0.2, 0.9, 0],
    [0.7, 1, 0],
    [1, 1, 5],
    [0.2, 0.9, 0],
  ]);
  const [card] = (await app.inject("/v1/models")).json().data;
  assert.deepEqual(card.default_sampling, {
    temperature: 0.2,
    top_p: 0.9,
    top_k: 0,
    min_p: 0,
    repetition_penalty: 1,
    max_tokens: null,
    origin: "recommended for a test",
  });
});

test("tokenize and detokenize in vLLM's shapes", async () => {
  const { app } = testApp({ text: "" });
  assert.deepEqual((await app.inject(post("/tokenize", { prompt: "ab", return_token_strs: true }))).json(), {
    count: 2,
    max_model_len: 64,
    tokens: [97, 98],
    token_strs: ["#97", "#98"],
  });
  assert.deepEqual((await app.inject(post("/tokenize", { messages }))).json().tokens, [104, 105]);
  assert.deepEqual((await app.inject(post("/detokenize", { tokens: [97, 98] }))).json(), { prompt: "ab" });
  assert.equal((await app.inject(post("/tokenize", {}))).statusCode, 400);
  assert.equal((await app.inject(post("/detokenize", { tokens: ["a"] }))).statusCode, 400);
});

test("X-Request-Id comes back; one that is not harmless is replaced", async () => {
  const { app } = testApp({ text: "a" });
  const given = await app.inject({ url: "/health", headers: { "x-request-id": "abc-1" } });
  assert.equal(given.headers["x-request-id"], "abc-1");
  const odd = await app.inject({ url: "/health", headers: { "x-request-id": "a b" } });
  assert.match(String(odd.headers["x-request-id"]), /^[0-9a-f-]{36}$/);
});
