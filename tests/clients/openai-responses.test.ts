/** @module The responses of the openai package against a real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { tinyServer } from "./tiny-server.ts";

const server = tinyServer({ after });
let client: OpenAI;

before(async () => {
  client = new OpenAI({ baseURL: `${await server.ready()}/v1`, apiKey: "none", maxRetries: 0 });
});

const ask = {
  model: "tiny",
  input: "What is a pagoda?",
  instructions: "Be brief.",
  max_output_tokens: 6,
  temperature: 0,
};

test("a response is the chat completion of the same conversation", async () => {
  const response = await client.responses.create(ask);
  const chat = await client.chat.completions.create({
    model: "tiny",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "What is a pagoda?" },
    ],
    max_tokens: 6,
    temperature: 0,
  });
  assert.equal(response.output_text, chat.choices[0]?.message.content);
  assert.deepEqual([response.object, response.status], ["response", "incomplete"]);
  assert.deepEqual(response.incomplete_details, { reason: "max_output_tokens" });
  assert.deepEqual(
    [response.usage?.input_tokens, response.usage?.output_tokens],
    [chat.usage?.prompt_tokens, 6],
  );
  assert.deepEqual(
    [response.instructions, response.temperature, response.previous_response_id],
    ["Be brief.", 0, null],
  );
});

test("a stream's events are numbered, and its parts make up the whole", async () => {
  const whole = await client.responses.create(ask);
  const stream = client.responses.stream(ask);
  const types: string[] = [];
  let text = "";
  let numEvents = 0;
  for await (const event of stream) {
    types.push(event.type);
    assert.equal(event.sequence_number, numEvents++);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  const final = await stream.finalResponse();
  assert.equal(final.output_text, whole.output_text);
  assert.equal(text, whole.output_text);
  assert.deepEqual(types.slice(0, 4), [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
  ]);
  assert.deepEqual(types.slice(-4), [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.incomplete",
  ]);
});

test("earlier output goes back in as input", async () => {
  const first = await client.responses.create(ask);
  const { input_tokens: numFirst = 0 } = first.usage ?? {};
  const second = await client.responses.create({
    ...ask,
    input: [
      { role: "user", content: ask.input },
      ...(first.output as OpenAI.Responses.ResponseInputItem[]),
      { role: "user", content: [{ type: "input_text", text: "More." }] },
    ],
  });
  assert.ok((second.usage?.input_tokens ?? 0) > numFirst);
  const withCall = await client.responses.create({
    ...ask,
    input: [
      { role: "user", content: "weather?" },
      { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "hm" }] },
      { type: "function_call", call_id: "c1", name: "weather", arguments: '{"city":"Rome"}' },
      { type: "function_call_output", call_id: "c1", output: "rain" },
    ],
  });
  assert.equal(withCall.status, "incomplete");
});

test("log-probabilities, where they are asked for", async () => {
  const response = await client.responses.create({
    ...ask,
    top_logprobs: 2,
    include: ["message.output_text.logprobs"],
  });
  const [item] = response.output;
  assert.ok(item?.type === "message" && item.content[0]?.type === "output_text");
  assert.equal(item.content[0].logprobs?.length, 6);
  assert.equal(item.content[0].logprobs[0]?.top_logprobs.length, 2);
});

test("what needs state, or a service, is refused by name", async () => {
  const refused: [string, object][] = [
    ["previous_response_id", { previous_response_id: "resp_1" }],
    ["store", { store: true }],
    ["background", { background: true }],
    ["conversation", { conversation: "conv_1" }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["truncation", { truncation: "auto" }],
    ["include", { include: ["file_search_call.results"] }],
    ["tools.0", { tools: [{ type: "web_search" }] }],
    ["input.0", { input: [{ type: "item_reference", id: "msg_1" }] }],
    ["input.0.content.0", { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }],
    ["max_output_tokens", { max_output_tokens: 0 }],
    ["input", { input: [] }],
  ];
  for (const [param, fields] of refused)
    await assert.rejects(client.responses.create({ ...ask, ...fields }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, param);
      assert.equal(error.param, param);
      return true;
    });
});
