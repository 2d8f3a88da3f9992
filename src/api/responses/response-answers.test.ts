import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { ResponseBodyBuilder } from "./response-body.ts";
import { ResponseEventBuilder } from "./response-events.ts";
import type { ResponseAnswer } from "./response-wire.ts";

const tokens = { detokenize: () => "", tokenPiece: () => ({ text: "", bytes: new Uint8Array() }) };
const answer: ResponseAnswer = {
  identity: { answerId: "resp_1", createdUnixSeconds: 0, modelName: "m", fingerprint: "f" },
  syntax: {
    format: { toolCalls: "hermes", reasoning: "qwen3" },
    calls: { kind: "own" },
    tools: [{ type: "function", function: { name: "weather" } }],
    parallelCalls: true,
  },
  showsLogprobs: false,
  showsReasoning: true,
  request: {},
};
const call = (city: string): string =>
  `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`;
const text = `<think>Rain?</think>Let me look.${call("Rome")}${call("Oslo")}`;

function eventsOf(size: number): GenerationEvent[] {
  const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
  return [
    { type: "prompt", promptTokenIds: [1], numCachedTokens: 0, promptLogprobs: null },
    ...pieces.map(
      (piece) => ({ type: "delta", index: 0, text: piece, tokenIds: [7], logprobs: null }) as const,
    ),
    { type: "finished", index: 0, reason: "stop", stopReason: null, numCompletionTokens: 1 },
  ];
}

interface WireItem {
  readonly type: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly content?: readonly { readonly text: string }[];
}

const outline = (output: readonly WireItem[]) =>
  output.map(({ type, arguments: json, content }) => [type, json ?? content?.[0]?.text]);
const expected = [
  ["reasoning", "Rain?"],
  ["message", "Let me look."],
  ["function_call", '{"city": "Rome"}'],
  ["function_call", '{"city": "Oslo"}'],
];

test("reasoning, text and calls are items, wherever the text is cut", () => {
  for (const size of [1, 7, text.length]) {
    const builder = new ResponseBodyBuilder(answer, tokens);
    for (const event of eventsOf(size)) builder.push(0, event);
    const body = JSON.parse([...builder.pieces()].join(""));
    assert.deepEqual(outline(body.output), expected);
    assert.equal(body.status, "completed");
  }
});

test("a stream's last event has the same items, and every item was added, grown and done in order", () => {
  const builder = new ResponseEventBuilder(answer, tokens);
  const stream = eventsOf(5)
    .map((event) => builder.push(0, event))
    .join("");
  const events = (stream + builder.end())
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.replace(/^event: \S+\ndata: /, "")));
  assert.deepEqual(outline(events.at(-1).response.output), expected);
  for (const [index, [, whole]] of expected.entries()) {
    const own = events.filter((event) => event.output_index === index);
    assert.deepEqual(
      [own.at(0).type, own.at(-1).type],
      ["response.output_item.added", "response.output_item.done"],
    );
    assert.equal(own.map((event) => event.delta ?? "").join(""), whole);
  }
});

test("an error ends a stream as an event and as a failed response with what there was", () => {
  const builder = new ResponseEventBuilder(answer, tokens);
  for (const event of eventsOf(40).slice(0, 2)) builder.push(0, event);
  const failed = builder.fail(new PagodaError("engine_failed", "The engine has stopped."));
  const [error, response] = failed
    .trimEnd()
    .split("\n\n")
    .map((event) => JSON.parse(event.replace(/^event: \S+\ndata: /, "")));
  assert.deepEqual([error.type, error.code], ["error", "engine_failed"]);
  assert.equal(response.response.status, "failed");
  assert.deepEqual(outline(response.response.output), [
    ["reasoning", "Rain?"],
    ["message", "Let me look."],
  ]);
});
