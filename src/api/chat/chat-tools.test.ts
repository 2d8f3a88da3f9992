import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationEvent } from "../../core/generation.ts";
import type { AnswerSyntax } from "../answer/answer-reader.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import { ChatBodyBuilder } from "./chat-body.ts";
import { ChatChunkBuilder } from "./chat-chunks.ts";

const syntax: AnswerSyntax = {
  format: { toolCalls: "hermes", reasoning: "qwen3" },
  calls: { kind: "own" },
  tools: [],
  parallelCalls: true,
};
const answer: ChatAnswer = {
  ...{ answerId: "a", createdUnixSeconds: 0, modelName: "m", fingerprint: "f" },
  ...{ includesUsage: false, continuousUsage: false, tokensAsIds: false, showsTokenIds: false },
  ...{ showsLogprobs: false, showsPromptLogprobs: false, numChoices: 1, syntax, showsReasoning: true },
};
const tokens = { tokenPiece: () => ({ text: "", bytes: new Uint8Array() }), detokenize: () => "<think>\n" };
const text =
  'I look.\n</think>\n\nOne moment.\n<tool_call>\n{"name": "w", "arguments": {"city": "Paris"}}\n</tool_call>';

function eventsOf(pieces: readonly string[]): readonly GenerationEvent[] {
  return [
    { type: "prompt", promptTokenIds: [1], numCachedTokens: 0, promptLogprobs: null },
    ...pieces.map(
      (piece): GenerationEvent => ({ type: "delta", index: 0, text: piece, tokenIds: [2], logprobs: null }),
    ),
    { type: "finished", index: 0, reason: "stop", stopReason: null, numCompletionTokens: pieces.length },
  ];
}

interface Delta {
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly {
    readonly id?: string;
    readonly function: { readonly name?: string; readonly arguments: string };
  }[];
}

test("a call in the model's own notation is a tool call of the message, beside text and reasoning", () => {
  const builder = new ChatBodyBuilder(answer, tokens);
  for (const event of eventsOf([text])) builder.push(0, event);
  const [choice] = JSON.parse([...builder.pieces()].join("")).choices;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.reasoning_content, "I look.");
  assert.equal(choice.message.content, "One moment.\n");
  const [call] = choice.message.tool_calls;
  assert.match(call.id, /^call_[0-9a-f]{24}$/);
  assert.deepEqual(call.function, { name: "w", arguments: '{"city": "Paris"}' });
});

test("streamed, the same comes in OpenAI's deltas: the name once, then pieces of the arguments", () => {
  const builder = new ChatChunkBuilder(answer, tokens);
  const stream = eventsOf([...text])
    .map((event) => builder.push(0, event))
    .join("");
  const chunks = stream
    .split("\n\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)).choices[0]);
  const deltas: readonly Delta[] = chunks.map((choice) => choice.delta);
  assert.equal(deltas.map((delta) => delta.reasoning_content ?? "").join(""), "I look.");
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), "One moment.\n");
  const calls = deltas.flatMap((delta) => delta.tool_calls ?? []);
  assert.deepEqual(
    calls.map((call) => call.function.name).filter((name) => name !== undefined),
    ["w"],
  );
  assert.equal(calls.map((call) => call.function.arguments).join(""), '{"city": "Paris"}');
  assert.ok(calls.length > 5);
  assert.equal(chunks.at(-1).finish_reason, "tool_calls");
});
