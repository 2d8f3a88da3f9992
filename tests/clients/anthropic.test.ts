/** @module The @anthropic-ai/sdk package against a real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { tinyServer } from "./tiny-server.ts";

const server = tinyServer({ after });
let client: Anthropic;

before(async () => {
  client = new Anthropic({ baseURL: await server.ready(), apiKey: "none", maxRetries: 0 });
});

const ask = {
  model: "tiny",
  max_tokens: 6,
  temperature: 0,
  messages: [{ role: "user" as const, content: "What is a pagoda?" }],
};

test("a message, whole and streamed, is the same text with the same usage", async () => {
  const whole = await client.messages.create(ask);
  assert.equal(whole.type, "message");
  assert.equal(whole.role, "assistant");
  assert.equal(whole.model, "tiny");
  assert.match(whole.id, /^msg_[0-9a-f]{32}$/);
  assert.equal(whole.stop_reason, "max_tokens");
  assert.equal(whole.usage.output_tokens, 6);
  const stream = client.messages.stream(ask);
  const names: string[] = [];
  let text = "";
  stream.on("text", (piece) => {
    text += piece;
  });
  for await (const event of stream) names.push(event.type);
  const final = await stream.finalMessage();
  assert.deepEqual(final.content, whole.content);
  assert.deepEqual([final.stop_reason, final.usage.output_tokens], ["max_tokens", 6]);
  assert.equal(whole.content[0]?.type === "text" && whole.content[0].text, text);
  assert.deepEqual(names.slice(0, 2), ["message_start", "content_block_start"]);
  assert.deepEqual(names.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  const totals = [whole, final].map(({ usage }) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  assert.equal(totals[0], totals[1]);
});

test("counted tokens are those of the prompt", async () => {
  const { max_tokens: _, temperature: __, ...counted } = ask;
  const { input_tokens: alone } = await client.messages.countTokens(counted);
  const { usage } = await client.messages.create(ask);
  assert.equal(alone, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  const { input_tokens: withSystem } = await client.messages.countTokens({ ...counted, system: "Be brief." });
  assert.ok(withSystem > alone);
});

test("counted tokens are those of the prompt with its tools", async () => {
  const { max_tokens: _, temperature: __, ...counted } = ask;
  const schema = { type: "object" as const, properties: { city: { type: "string" } } };
  const tools = [{ name: "get_weather", description: "The weather of a city.", input_schema: schema }];
  const { input_tokens: alone } = await client.messages.countTokens(counted);
  const { input_tokens: withTools } = await client.messages.countTokens({ ...counted, tools });
  const { usage } = await client.messages.create({ ...ask, tools, tool_choice: { type: "none" } });
  assert.equal(withTools, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  assert.ok(withTools > alone + 20, `${withTools}, ${alone}`);
  // vLLM's /tokenize counts the same conversation with the same tools.
  const response = await fetch(`${client.baseURL}/tokenize`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "tiny",
      messages: ask.messages,
      tools: tools.map(({ name, description, input_schema: parameters }) => ({
        type: "function",
        function: { name, description, parameters },
      })),
    }),
  });
  assert.equal(((await response.json()) as { count: number }).count, withTools);
});

test("blocks, results of tools and thinking reach the template", async () => {
  const { input_tokens: asText } = await client.messages.countTokens({
    model: "tiny",
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ],
  });
  const { input_tokens: asBlocks } = await client.messages.countTokens({
    model: "tiny",
    messages: [
      { role: "user", content: "a" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "s" },
          { type: "text", text: "b" },
        ],
      },
      { role: "user", content: "c" },
    ],
  });
  assert.equal(asBlocks, asText);
  const called = await client.messages.create({
    ...ask,
    messages: [
      { role: "user", content: "weather?" },
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "t1", name: "weather", input: { city: "Rome" } }],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "rain" }] }],
      },
    ],
  });
  assert.equal(called.stop_reason, "max_tokens");
});

test("a stop sequence ends the text and is named", async () => {
  const whole = await client.messages.create(ask);
  const [block] = whole.content;
  assert.ok(block?.type === "text");
  const stop = block.text.slice(2, 4);
  const stopped = await client.messages.create({ ...ask, stop_sequences: [stop] });
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ["stop_sequence", stop]);
  assert.deepEqual(stopped.content, [{ type: "text", text: block.text.slice(0, block.text.indexOf(stop)) }]);
});

test("an assistant's unfinished message is continued", async () => {
  const { input_tokens: open } = await client.messages.countTokens({
    model: "tiny",
    messages: [...ask.messages, { role: "assistant", content: "A" }],
  });
  const { input_tokens: closed } = await client.messages.countTokens({
    model: "tiny",
    messages: ask.messages,
  });
  // The same opening of the assistant's turn, and the letter.
  assert.equal(open, closed + 1);
});

test("errors have Anthropic's shape, and the package's classes", async () => {
  await assert.rejects(client.messages.create({ ...ask, model: "other" }), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.match(error.requestID ?? "", /./);
    assert.deepEqual(Object.keys(error.error as object), ["type", "error", "request_id"]);
    return true;
  });
  const image = { type: "image", source: { type: "url", url: "http://127.0.0.1/a.png" } } as const;
  await assert.rejects(
    client.messages.create({ ...ask, messages: [{ role: "user", content: [image] }] }),
    (error) => error instanceof Anthropic.BadRequestError && /block of type 'image'/.test(error.message),
  );
  await assert.rejects(
    client.messages.create({ ...ask, max_tokens: 10_000 }),
    (error) => error instanceof Anthropic.BadRequestError && /context length/.test(error.message),
  );
  await assert.rejects(
    // @ts-expect-error: the field is not optional
    client.messages.create({ model: "tiny", messages: ask.messages }),
    /'max_tokens' is missing/,
  );
});

test("the list of models", async () => {
  const page = await client.models.list();
  assert.deepEqual([page.data[0]?.id, page.data[0]?.type, page.has_more], ["tiny", "model", false]);
  const model = await client.models.retrieve("tiny");
  assert.deepEqual([model.id, model.type], ["tiny", "model"]);
});

test("output_config states the schema of the text", async () => {
  const schema = {
    type: "object",
    properties: { size: { enum: [1, 2] } },
    required: ["size"],
    additionalProperties: false,
  };
  const { content } = await client.messages.create({
    ...ask,
    max_tokens: 60,
    output_config: { format: { type: "json_schema", schema } },
  });
  assert.ok(content[0]?.type === "text");
  assert.match(content[0].text, /^\{\s*"size"\s*:\s*[12]\s*\}$/);
});
