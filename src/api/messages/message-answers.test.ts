import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationEvent } from "../../core/generation.ts";
import type { AnswerSyntax } from "../answer/answer-reader.ts";
import { MessageBodyBuilder } from "./message-body.ts";
import { MessageEventBuilder } from "./message-events.ts";

const identity = { answerId: "msg_1", createdUnixSeconds: 0, modelName: "m", fingerprint: "f" };
const tokens = { detokenize: () => "", tokenPiece: () => ({ text: "", bytes: new Uint8Array() }) };
const syntax: AnswerSyntax = {
  format: { toolCalls: "hermes", reasoning: "qwen3" },
  calls: { kind: "own" },
  tools: [{ type: "function", function: { name: "weather" } }],
  parallelCalls: true,
};
const text =
  '<think>\nRain?\n</think>\n\nLet me look.<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>';

/** The text cut into pieces of `size` characters, a token each. */
function eventsOf(answer: string, size: number): GenerationEvent[] {
  const events: GenerationEvent[] = [
    { type: "prompt", promptTokenIds: [1, 2, 3], numCachedTokens: 2, promptLogprobs: null },
  ];
  for (let at = 0; at < answer.length; at += size)
    events.push({
      type: "delta",
      index: 0,
      text: answer.slice(at, at + size),
      tokenIds: [7],
      logprobs: null,
    });
  events.push({ type: "finished", index: 0, reason: "stop", stopReason: null, numCompletionTokens: 1 });
  return events;
}

test("reasoning, text and calls become blocks, wherever the text is cut", () => {
  for (const size of [1, 5, text.length]) {
    const builder = new MessageBodyBuilder(identity, syntax, tokens);
    for (const event of eventsOf(text, size)) builder.push(0, event);
    const body = JSON.parse([...builder.pieces()].join(""));
    const [thinking, said, call] = body.content;
    assert.deepEqual(thinking, { type: "thinking", thinking: "Rain?", signature: "" });
    assert.deepEqual(said, { type: "text", text: "Let me look." });
    assert.deepEqual([call.type, call.name, call.input], ["tool_use", "weather", { city: "Rome" }]);
    assert.equal(body.stop_reason, "tool_use");
    assert.deepEqual([body.usage.input_tokens, body.usage.cache_read_input_tokens], [1, 2]);
  }
});

test("the same as events: each block begins, grows and stops before the next one begins", () => {
  const builder = new MessageEventBuilder(identity, syntax, tokens);
  const written = eventsOf(text, 3).map((event) => builder.push(0, event));
  const stream = written.join("") + builder.end();
  const events = stream
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.replace(/^event: \w+\ndata: /, "")));
  const outline = events
    .map(({ type, index, content_block: block }) =>
      [type, index, block?.type].filter((part) => part !== undefined),
    )
    .filter(([type]) => type !== "content_block_delta" && type !== "ping");
  assert.deepEqual(outline, [
    ["message_start"],
    ["content_block_start", 0, "thinking"],
    ["content_block_stop", 0],
    ["content_block_start", 1, "text"],
    ["content_block_stop", 1],
    ["content_block_start", 2, "tool_use"],
    ["content_block_stop", 2],
    ["message_delta"],
    ["message_stop"],
  ]);
  const grown = (index: number, field: string): string =>
    events.map((event) => (event.index === index ? (event.delta?.[field] ?? "") : "")).join("");
  assert.equal(grown(0, "thinking"), "Rain?");
  assert.equal(grown(1, "text"), "Let me look.");
  assert.deepEqual(JSON.parse(grown(2, "partial_json")), { city: "Rome" });
  assert.equal(events.at(-2).delta.stop_reason, "tool_use");
});
