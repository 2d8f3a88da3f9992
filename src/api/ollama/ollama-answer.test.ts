import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationEvent } from "../../core/generation.ts";
import { OllamaBodyBuilder, OllamaLineBuilder, type OllamaShown } from "./ollama-answer.ts";

const tokens = { detokenize: () => "", tokenPiece: () => ({ text: "", bytes: new Uint8Array() }) };
const shown: OllamaShown = {
  modelName: "m",
  textField: "message",
  showsLogprobs: false,
  syntax: {
    format: { toolCalls: "hermes", reasoning: "qwen3" },
    calls: { kind: "own" },
    tools: [{ type: "function", function: { name: "weather" } }],
    parallelCalls: true,
  },
};
const text =
  '<think>Rain?</think>Let me look.<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>';
const events: GenerationEvent[] = [
  { type: "prompt", promptTokenIds: [1], numCachedTokens: 0, promptLogprobs: null },
  ...[...text].map(
    (character) => ({ type: "delta", index: 0, text: character, tokenIds: [7], logprobs: null }) as const,
  ),
  { type: "finished", index: 0, reason: "stop", stopReason: null, numCompletionTokens: text.length },
];
const calls = [{ function: { name: "weather", arguments: { city: "Rome" } } }];

test("a chat answer has reasoning and whole calls beside its text", () => {
  const builder = new OllamaBodyBuilder(shown, tokens);
  for (const event of events) builder.push(0, event);
  const body = JSON.parse([...builder.pieces()].join(""));
  assert.deepEqual(body.message, {
    role: "assistant",
    content: "Let me look.",
    thinking: "Rain?",
    tool_calls: calls,
  });
  assert.deepEqual([body.done, body.done_reason, body.eval_count], [true, "stop", text.length]);
});

test("a streamed one has them in lines, calls once they are complete", () => {
  const builder = new OllamaLineBuilder(shown, tokens);
  const stream = events.map((event) => builder.push(0, event)).join("") + builder.end();
  const lines = stream
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines.map(({ message }) => message.thinking ?? "").join(""), "Rain?");
  assert.equal(lines.map(({ message }) => message.content).join(""), "Let me look.");
  assert.deepEqual(lines.at(-2).message.tool_calls, calls);
  assert.deepEqual(
    lines.map(({ done }) => done),
    [...lines.slice(1).map(() => false), true],
  );
});
