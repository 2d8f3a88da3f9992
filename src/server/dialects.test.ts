/** Reasoning, text and calls of functions in every protocol, read by the packages of its clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import type { Feature } from "../core/capabilities.ts";
import type { GenerationRequest } from "../core/generation.ts";
import { type TestApp, testApp } from "./testing/test-app.ts";

const cities = ["Paris", "Oslo"] as const;
const call = (city: string): string =>
  `<tool_call>\n{"name": "get_weather", "arguments": {"city": "${city}", "days": [1, 2]}}\n</tool_call>`;
/** As Qwen 3 writes it. */
const text = `<think>\nThe user asks for two cities.\n</think>\n\nLet me look.\n${cities.map(call).join("\n")}`;
const reasoning = "The user asks for two cities.";
const said = "Let me look.";
const argumentsOf = (city: string): object => ({ city, days: [1, 2] });

const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "array", items: { type: "integer" } } },
  required: ["city"],
};
const description = "The weather of a city.";
const functionTool = {
  type: "function" as const,
  function: { name: "get_weather", description, parameters },
};

async function served(use: (url: string, app: TestApp) => Promise<void>): Promise<void> {
  const given = testApp({
    text,
    model: {
      answerFormat: { toolCalls: "hermes", reasoning: "qwen3" },
      features: new Set<Feature>(["tools", "structured-output"]),
    },
  });
  await given.app.listen({ port: 0, host: "127.0.0.1" });
  const address = given.app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    await use(`http://127.0.0.1:${address.port}`, given);
  } finally {
    given.running.abortAll();
    await given.app.close();
  }
}

/** The messages of the last request, as the template gets them. */
function lastMessages({ service }: TestApp): readonly object[] {
  const prompt = (service.requests.at(-1) as GenerationRequest).prompt;
  assert.ok(prompt.kind === "chat");
  assert.deepEqual(prompt.tools, [functionTool]);
  return prompt.messages;
}

/** What every protocol must hand to the template for the second turn. */
function assertSecondTurn(messages: readonly object[], resultName: string): void {
  const [user, assistant, ...results] = messages as Record<string, unknown>[];
  assert.equal(user?.content, "Weather?");
  assert.equal(assistant?.role, "assistant");
  assert.equal(assistant.reasoning_content, reasoning);
  assert.equal(String(assistant.content).trim(), said);
  const calls = assistant.tool_calls as { function: { name: string; arguments: unknown } }[];
  assert.deepEqual(
    calls.map(({ function: { name, arguments: given } }) => [name, given]),
    cities.map((city) => ["get_weather", argumentsOf(city)]),
  );
  assert.deepEqual(
    results.map(({ role, content }) => [role, content]),
    [
      ["tool", "18 degrees"],
      ["tool", "2 degrees"],
    ],
  );
  assert.ok(resultName in (results[0] ?? {}));
}

test("Anthropic: thinking, text and tool_use blocks, streamed and whole; results go back in", () =>
  served(async (baseURL, app) => {
    const client = new Anthropic({ baseURL, apiKey: "none", maxRetries: 0 });
    const tools = [
      { name: "get_weather", description, input_schema: { ...parameters, type: "object" as const } },
    ];
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Weather?" }];
    const request = { model: "scripted", max_tokens: 1000, tools, messages };
    const whole = await client.messages.create(request);
    assert.equal(whole.stop_reason, "tool_use");
    assert.deepEqual(
      whole.content.map((block) => block.type),
      ["thinking", "text", "tool_use", "tool_use"],
    );
    const [thinking, words, ...uses] = whole.content;
    assert.ok(thinking?.type === "thinking" && thinking.thinking === reasoning);
    assert.ok(words?.type === "text" && words.text.trim() === said);
    for (const [i, use] of uses.entries()) {
      assert.ok(use.type === "tool_use" && use.name === "get_weather");
      assert.deepEqual(use.input, argumentsOf(cities[i] ?? ""));
    }
    const stream = client.messages.stream(request);
    const deltas = new Map<string, string>();
    stream.on("streamEvent", (event) => {
      if (event.type !== "content_block_delta") return;
      const { delta } = event;
      const piece =
        delta.type === "input_json_delta"
          ? delta.partial_json
          : delta.type === "thinking_delta"
            ? delta.thinking
            : delta.type === "text_delta"
              ? delta.text
              : "";
      const key = `${event.index} ${delta.type}`;
      deltas.set(key, (deltas.get(key) ?? "") + piece);
    });
    const final = await stream.finalMessage();
    const withoutIds = (message: Anthropic.Message): object[] =>
      message.content.map((block) => ({ ...block, id: "" }));
    assert.deepEqual(withoutIds(final), withoutIds(whole));
    assert.deepEqual(final.usage.output_tokens, whole.usage.output_tokens);
    assert.deepEqual(
      [...deltas.keys()],
      ["0 thinking_delta", "1 text_delta", "2 input_json_delta", "3 input_json_delta"],
    );
    assert.deepEqual(JSON.parse(deltas.get("3 input_json_delta") ?? ""), argumentsOf("Oslo"));
    const ids = final.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
    await client.messages.create({
      ...request,
      messages: [
        ...messages,
        { role: "assistant", content: final.content as Anthropic.ContentBlockParam[] },
        {
          role: "user",
          content: ["18 degrees", "2 degrees"].map((content, k) => ({
            type: "tool_result" as const,
            tool_use_id: ids[k] ?? "",
            content,
          })),
        },
      ],
    });
    assertSecondTurn(lastMessages(app), "tool_call_id");
  }));

test("Ollama: thinking, content and tool_calls, streamed and whole; results go back in", () =>
  served(async (host, app) => {
    const client = new Ollama({ host });
    const messages: { role: string; content: string }[] = [{ role: "user", content: "Weather?" }];
    const request = { model: "scripted", messages, tools: [functionTool], think: true };
    const { message } = await client.chat(request);
    assert.equal(message.thinking, reasoning);
    assert.equal(message.content.trim(), said);
    assert.deepEqual(
      message.tool_calls?.map(({ function: { name, arguments: given } }) => [name, given]),
      cities.map((city) => ["get_weather", argumentsOf(city)]),
    );
    let thinking = "";
    let content = "";
    const calls: unknown[] = [];
    for await (const part of await client.chat({ ...request, stream: true })) {
      thinking += part.message.thinking ?? "";
      content += part.message.content;
      calls.push(...(part.message.tool_calls ?? []));
    }
    assert.deepEqual([thinking, content, calls], [message.thinking, message.content, message.tool_calls]);
    await client.chat({
      ...request,
      messages: [
        ...messages,
        message,
        { role: "tool", tool_name: "get_weather", content: "18 degrees" },
        { role: "tool", tool_name: "get_weather", content: "2 degrees" },
      ],
    });
    assertSecondTurn(lastMessages(app), "name");
    const { prompt } = app.service.requests.at(-1) as GenerationRequest;
    assert.ok(prompt.kind === "chat");
    assert.deepEqual(prompt.templateVariables, { enable_thinking: true });
  }));

test("Responses: reasoning, message and function_call items with their events; outputs go back in", () =>
  served(async (url, app) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
    const tools = [{ type: "function" as const, name: "get_weather", description, parameters, strict: null }];
    const request = { model: "scripted", input: "Weather?", tools, store: false };
    const whole = await client.responses.create(request);
    assert.deepEqual(
      whole.output.map(({ type }) => type),
      ["reasoning", "message", "function_call", "function_call"],
    );
    assert.equal(whole.output_text.trim(), said);
    const [thought, , ...calls] = whole.output;
    assert.ok(thought?.type === "reasoning" && thought.content?.[0]?.text === reasoning);
    for (const [i, item] of calls.entries()) {
      assert.ok(item.type === "function_call" && item.name === "get_weather" && item.status === "completed");
      assert.deepEqual(JSON.parse(item.arguments), argumentsOf(cities[i] ?? ""));
    }
    const events: ResponseStreamEvent[] = [];
    for await (const event of await client.responses.create({ ...request, stream: true })) events.push(event);
    const typesOf = (index: number): string[] => [
      ...new Set(
        events
          .filter((event) => "output_index" in event && event.output_index === index)
          .map(({ type }) => type),
      ),
    ];
    assert.deepEqual(typesOf(0), [
      "response.output_item.added",
      "response.content_part.added",
      "response.reasoning_text.delta",
      "response.reasoning_text.done",
      "response.content_part.done",
      "response.output_item.done",
    ]);
    assert.deepEqual(typesOf(2), [
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
    ]);
    const pieces = events.flatMap((event) =>
      event.type === "response.function_call_arguments.delta" && event.output_index === 3
        ? [event.delta]
        : [],
    );
    assert.ok(pieces.length > 3);
    assert.deepEqual(JSON.parse(pieces.join("")), argumentsOf("Oslo"));
    const last = events.at(-1);
    assert.ok(last?.type === "response.completed");
    const plain = (items: typeof whole.output): object[] =>
      items.map((item) => ({ ...item, id: "", call_id: "" }));
    assert.deepEqual(plain(last.response.output), plain(whole.output));
    const outputs = last.response.output.flatMap((item) =>
      item.type === "function_call" ? [item.call_id] : [],
    );
    await client.responses.create({
      ...request,
      input: [
        { role: "user", content: "Weather?" },
        ...(last.response.output as OpenAI.Responses.ResponseInputItem[]),
        { type: "function_call_output", call_id: outputs[0] ?? "", output: "18 degrees" },
        { type: "function_call_output", call_id: outputs[1] ?? "", output: "2 degrees" },
      ],
    });
    assertSecondTurn(lastMessages(app), "tool_call_id");
    const hidden = await client.responses.create({ ...request, include_reasoning: false } as typeof request);
    assert.equal(hidden.output[0]?.type, "message");
  }));

test("Chat completions: reasoning_content, content and tool_calls, streamed and whole; results go back in", () =>
  served(async (url, app) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "Weather?" }];
    const request = { model: "scripted", messages, tools: [functionTool] };
    const whole = await client.chat.completions.create(request);
    const message = whole.choices[0]?.message as OpenAI.ChatCompletionMessage & { reasoning_content: string };
    assert.equal(whole.choices[0]?.finish_reason, "tool_calls");
    assert.equal(message.reasoning_content, reasoning);
    const final = await client.chat.completions.stream(request).finalChatCompletion();
    const [choice] = final.choices;
    assert.equal(choice?.finish_reason, "tool_calls");
    assert.equal(choice.message.content?.trim(), said);
    const argumentsIn = (given: OpenAI.ChatCompletionMessage): object[] =>
      (given.tool_calls ?? []).map((one) =>
        one.type === "function" ? JSON.parse(one.function.arguments) : {},
      );
    assert.deepEqual(argumentsIn(choice.message), cities.map(argumentsOf));
    assert.deepEqual(argumentsIn(message), cities.map(argumentsOf));
    await client.chat.completions.create({
      ...request,
      messages: [
        ...messages,
        message,
        ...["18 degrees", "2 degrees"].map((content, i) => ({
          role: "tool" as const,
          tool_call_id: message.tool_calls?.[i]?.id ?? "",
          content,
        })),
      ],
    });
    assertSecondTurn(lastMessages(app), "tool_call_id");
  }));
