import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, testApp } from "./testing/test-app.ts";

const chat = "/v1/chat/completions";
const completions = "/v1/completions";
const messages = [{ role: "user", content: "hi" }];

interface Refusal {
  readonly url: string;
  readonly body: object;
  readonly param: string;
  readonly message: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    url: chat,
    body: { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    param: "messages.0.content.0",
    message: /is a part of type 'image_url', and this model reads texts only.*"type": "text"/,
  },
  {
    url: chat,
    body: { messages: [{ role: "user", content: 5 }] },
    param: "messages.0.content",
    message: /must be a text or an array of parts/,
  },
  ...[chat, completions].flatMap((url) =>
    (
      [
        ["repetition_penalty", 1e-300, /must be at least 0\.01, but it is 1e-300/],
        ["repetition_penalty", 101, /must be at most 100, but it is 101/],
        ["temperature", -0.1, /must be at least 0, but it is -0\.1/],
        ["temperature", 1e300, /must be at most 100, but it is 1e\+300/],
        ["top_p", 0, /must be above 0, but it is 0/],
        ["top_p", 1.01, /must be at most 1, but it is 1\.01/],
        ["top_k", -2, /must be at least -1, but it is -2/],
        ["min_p", 1.5, /must be at most 1, but it is 1\.5/],
        ["presence_penalty", 2.5, /must be at most 2, but it is 2\.5/],
        ["frequency_penalty", -2.5, /must be at least -2, but it is -2\.5/],
      ] as const
    ).map(([param, value, message]) => ({
      url,
      body: { messages: url === chat ? messages : undefined, prompt: "a", [param]: value },
      param,
      message,
    })),
  ),
  {
    url: completions,
    body: { prompt: "a", stop: 5 },
    param: "stop",
    message: /must be a text or an array of at most 64 texts/,
  },
  {
    url: chat,
    body: { messages, logprobs: true, top_logprobs: 21 },
    param: "top_logprobs",
    message: /'top_logprobs' is 21; the most this server allows is 4/,
  },
  {
    url: chat,
    body: { messages, chat_template_kwargs: { messages: [] } },
    param: "chat_template_kwargs",
    message: /must not replace 'messages'/,
  },
  {
    url: chat,
    body: { messages, chat_template_kwargs: { bos_token: "x" } },
    param: "chat_template_kwargs",
    message: /must not replace 'bos_token'/,
  },
  {
    url: "/tokenize",
    body: { messages, chat_template_kwargs: { add_generation_prompt: false } },
    param: "chat_template_kwargs",
    message: /must not replace 'add_generation_prompt'/,
  },
  {
    url: "/tokenize",
    body: { messages, add_special_tokens: true },
    param: "add_special_tokens",
    message: /must be false with 'messages'/,
  },
  {
    url: "/tokenize",
    body: { messages, add_generation_prompt: true, continue_final_message: true },
    param: "continue_final_message",
    message: /exclude each other/,
  },
  {
    url: "/detokenize",
    body: { tokens: new Array(131_073).fill(1) },
    param: "tokens",
    message: /131073 token ids; the most this server takes is 131072/,
  },
  { url: "/detokenize", body: { tokens: [1, -1] }, param: "tokens", message: /array of token ids/ },
];

test("what is refused is named, with what would be accepted", async () => {
  const { app } = testApp({ text: "a" });
  for (const { url, body, param, message } of refusals) {
    const response = await app.inject({ method: "POST", url, payload: body });
    const { error } = response.json();
    assert.deepEqual([response.statusCode, error.param], [400, param], error.message);
    assert.match(error.message, message);
  }
});

test("an object sent as text is told the header it needs", async () => {
  const { app } = testApp({ text: "a" });
  const response = await app.inject({
    method: "POST",
    url: completions,
    payload: '{"prompt":"a"}',
    headers: { "content-type": "text/plain" },
  });
  assert.match(response.json().error.message, /content-type: application\/json/);
});

test("what vLLM accepts is accepted: template variables, empty contents, seeds of 64 bits", async () => {
  const { app, service } = testApp({ text: "a" });
  const body = {
    messages: [
      { role: "assistant", content: null },
      { role: "user", content: "hi" },
    ],
    chat_template_kwargs: { enable_thinking: false },
    max_completion_tokens: 5,
  };
  const payload = `${JSON.stringify(body).slice(0, -1)},"seed":9223372036854775807}`;
  const headers = { "content-type": "application/json" };
  const response = await app.inject({ method: "POST", url: chat, payload, headers });
  assert.equal(response.statusCode, 200, response.body);
  const request = service.requests[0];
  assert.ok(request?.prompt.kind === "chat");
  assert.deepEqual(request.prompt.messages[0], { role: "assistant", content: "" });
  assert.deepEqual(request.prompt.templateVariables, { enable_thinking: false });
  assert.deepEqual([request.sampling.seed, request.maxTokensName], [2 ** 63, "max_completion_tokens"]);
});

test("a temperature near 0 and a top-k beyond 32 bits mean what they say", async () => {
  const { app, service } = testApp({ text: "a" });
  for (const fields of [{ temperature: 1e-40 }, { temperature: 0 }, { top_k: 2 ** 32 + 1 }, { top_k: -1 }]) {
    const payload = { prompt: "a", ...fields };
    assert.equal((await app.inject({ method: "POST", url: completions, payload })).statusCode, 200);
  }
  const [near, greedy, huge, off] = service.requests.map(({ sampling }) => sampling);
  assert.deepEqual([near?.temperature, greedy?.temperature], [0.01, 0]);
  assert.deepEqual([huge?.topK, off?.topK], [2 ** 31 - 1, 0]);
});

test("as many token ids as /tokenize returns for a long text become text again", async () => {
  const { app } = testApp({ text: "" });
  const tokens = new Array(100_001).fill(97);
  const response = await app.inject({ method: "POST", url: "/detokenize", payload: { tokens } });
  assert.equal(response.json().prompt?.length, 100_001, response.body.slice(0, 200));
});

test("unknown fields of /tokenize and /detokenize are logged", async () => {
  const { app, logLines } = testApp({ text: "" });
  await app.inject({ method: "POST", url: "/tokenize", payload: { prompt: "a", frob: 1, user: "u" } });
  await app.inject({ method: "POST", url: "/detokenize", payload: { tokens: [97], nicate: 1 } });
  assert.deepEqual(
    logLines.map((line) => {
      const { route, field } = JSON.parse(line);
      return [route, field];
    }),
    [
      ["/tokenize", "frob"],
      ["/detokenize", "nicate"],
    ],
  );
});

test("continuous usage counts up in every chunk, and has no effect without include_usage", async () => {
  const { app } = testApp({ text: "abc" });
  for (const [url, prompt] of [
    [chat, { messages }],
    [completions, { prompt: "hi" }],
  ] as const) {
    const usagesOf = async (options: object): Promise<unknown[]> => {
      const payload = { ...prompt, stream: true, stream_options: options };
      const events = eventsOf((await app.inject({ method: "POST", url, payload })).body);
      return events.map((event) => (event as { usage?: { completion_tokens: number } | null }).usage);
    };
    const counted = (await usagesOf({ include_usage: true, continuous_usage_stats: true })).map(
      (usage) => (usage as { completion_tokens: number }).completion_tokens,
    );
    assert.deepEqual(counted, url === chat ? [0, 1, 2, 3, 3, 3] : [1, 2, 3, 3, 3]);
    for (const usage of await usagesOf({ continuous_usage_stats: true })) assert.equal(usage, undefined);
  }
});
