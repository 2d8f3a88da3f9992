/** @module The ollama package against a real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ollama } from "ollama";
import { tinyServer } from "./tiny-server.ts";

const server = tinyServer({ after });
let url: string;
let client: Ollama;

before(async () => {
  url = await server.ready();
  client = new Ollama({ host: url });
});

const options = { num_predict: 6, temperature: 0, seed: 1, num_ctx: 4096, num_thread: 2 };
const messages = [{ role: "user", content: "What is a pagoda?" }];

test("a chat, whole and streamed, is the same text with the same counts", async () => {
  const whole = await client.chat({ model: "tiny", messages, options });
  assert.deepEqual([whole.model, whole.done, whole.done_reason], ["tiny", true, "length"]);
  assert.equal(whole.message.role, "assistant");
  assert.equal(whole.eval_count, 6);
  let text = "";
  let last: typeof whole | null = null;
  let numLines = 0;
  for await (const part of await client.chat({ model: "tiny:latest", messages, options, stream: true })) {
    text += part.message.content;
    numLines++;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.ok(numLines > 2);
  assert.deepEqual(
    [last?.done, last?.eval_count, last?.prompt_eval_count],
    [true, 6, whole.prompt_eval_count],
  );
  assert.ok((last?.total_duration ?? 0) >= (last?.prompt_eval_duration ?? 0));
});

test("generate: through the chat template, or raw", async () => {
  const asChat = await client.chat({ model: "tiny", messages, options });
  const generated = await client.generate({ model: "tiny", prompt: "What is a pagoda?", options });
  assert.equal(generated.response, asChat.message.content);
  const raw = await client.generate({ model: "tiny", prompt: "What is a pagoda?", raw: true, options });
  assert.ok(raw.prompt_eval_count < generated.prompt_eval_count);
  const withSystem = await client.generate({ model: "tiny", prompt: "a", system: "Be brief.", options });
  assert.ok(withSystem.prompt_eval_count > raw.prompt_eval_count - "What is a pagoda?".length + 1);
});

test("log-probabilities, and a stop text", async () => {
  const scored = await client.generate({
    model: "tiny",
    prompt: "a",
    raw: true,
    options,
    logprobs: true,
    top_logprobs: 2,
  });
  assert.equal(scored.logprobs?.length, 6);
  assert.equal(scored.logprobs[0]?.top_logprobs?.length, 2);
  const stop = (scored.response ?? "").slice(2, 4);
  const stopped = await client.generate({
    model: "tiny",
    prompt: "a",
    raw: true,
    options: { ...options, stop: [stop] },
  });
  assert.deepEqual(
    [stopped.done_reason, stopped.response],
    ["stop", (scored.response ?? "").slice(0, (scored.response ?? "").indexOf(stop))],
  );
});

test("models: listed, running and shown with what their files say", async () => {
  const { models } = await client.list();
  assert.deepEqual(
    models.map(({ name, details }) => [name, details.family, details.format]),
    [["tiny", "llama", "safetensors"]],
  );
  assert.ok((models[0]?.size ?? 0) > 10_000);
  const { models: running } = await client.ps();
  assert.deepEqual(
    running.map(({ name }) => name),
    ["tiny"],
  );
  const shown = await client.show({ model: "tiny" });
  const info = shown.model_info as unknown as Record<string, unknown>;
  assert.equal(info["general.architecture"], "llama");
  assert.match(shown.template, /add_generation_prompt/);
  assert.ok(shown.capabilities.includes("completion"));
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);
});

test("an empty prompt loads the model; unloading it is refused", async () => {
  const loaded = await client.generate({ model: "tiny", prompt: "" });
  assert.deepEqual([loaded.done, loaded.done_reason, loaded.response], [true, "load", ""]);
  const streamed = await fetch(`${url}/api/chat`, {
    method: "POST",
    body: JSON.stringify({ model: "tiny", messages: [] }),
  });
  assert.equal(streamed.headers.get("content-type"), "application/x-ndjson");
  assert.equal(((await streamed.json()) as { done_reason: string }).done_reason, "load");
  await assert.rejects(client.generate({ model: "tiny", prompt: "", keep_alive: 0 }), /asks to unload/);
});

test("errors are what the package reads", async () => {
  await assert.rejects(client.chat({ model: "other", messages }), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /'other' is not served here/);
    assert.equal((error as Error & { status_code: number }).status_code, 404);
    return true;
  });
  await assert.rejects(
    client.chat({ model: "tiny", messages, options: { mirostat: 2 } }),
    /does not support 'mirostat'/,
  );
  await assert.rejects(client.generate({ model: "tiny", prompt: "a", suffix: "b" }), /'suffix'/);
  await assert.rejects(
    client.chat({ model: "tiny", messages, options: { temperature: -1 } }),
    /'temperature' must be/,
  );
  await assert.rejects(
    client.chat({ model: "tiny", messages: [{ role: "user", content: "a", images: ["aGk="] }] }),
    /has images/,
  );
  await assert.rejects(client.push({ model: "tiny" }), /has no path/);
});

test("a format, named or as a schema, is kept by a model that knows nothing of it", async () => {
  const schema = {
    type: "object",
    properties: { size: { enum: [1, 2] } },
    required: ["size"],
    additionalProperties: false,
  };
  const format = { model: "tiny", options: { ...options, num_predict: 60 } };
  const chat = await client.chat({ ...format, messages, format: schema });
  assert.match(chat.message.content, /^\{\s*"size"\s*:\s*[12]\s*\}$/);
  const generated = await client.generate({ ...format, prompt: "a", raw: true, format: schema });
  assert.match(generated.response ?? "", /^\{\s*"size"\s*:\s*[12]\s*\}$/);
  const object = await client.chat({ ...format, messages, format: "json" });
  assert.match(object.message.content, /^\{/);
  await assert.rejects(client.chat({ ...format, messages, format: "xml" }), /'format' must be "json"/);
});
