import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerSyntax } from "../answer-reader.ts";
import { AnswerReader } from "../answer-reader.ts";

interface Read {
  readonly reasoning: string;
  readonly text: string;
  readonly calls: readonly [name: string, json: string][];
}

const own: AnswerSyntax["calls"] = { kind: "own" };

function read(parts: readonly string[], calls: AnswerSyntax["calls"]): Read {
  const format = { toolCalls: "openai", reasoning: "openai_gptoss" } as const;
  const reader = new AnswerReader({ format, calls, tools: [], parallelCalls: true }, "<|start|>assistant");
  const all = [...parts.flatMap((part) => reader.push(part)), ...reader.finish()];
  const of = (kind: "text" | "reasoning"): string =>
    all.map((piece) => (piece.kind === kind ? piece.text : "")).join("");
  const made: [string, string][] = [];
  for (const piece of all) {
    if (piece.kind === "call") made.push([piece.name, ""]);
    const last = made.at(-1);
    if (piece.kind === "arguments" && last !== undefined) last[1] += piece.json;
  }
  return { reasoning: of("reasoning"), text: of("text"), calls: made };
}

/** Answers as the format's description has them: with constraints, several channels, and a preamble before a call. */
const cases: readonly (readonly [text: string, calls: AnswerSyntax["calls"], read: Read])[] = [
  [
    '<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>{"at": "sky"}<|call|>',
    own,
    { reasoning: "I look.", text: "", calls: [["look", '{"at": "sky"}']] },
  ],
  [
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Blue < green.<|return|>",
    null,
    { reasoning: "Hm.", text: "Blue < green.", calls: [] },
  ],
  [
    "<|channel|>commentary<|message|>First I look.<|end|><|start|>assistant to=functions.look<|channel|>commentary json<|message|>{}<|call|>",
    own,
    { reasoning: "", text: "First I look.", calls: [["look", "{}"]] },
  ],
  [
    "<|channel|>commentary to=functions.now <|constrain|>json<|message|><|call|>",
    own,
    { reasoning: "", text: "", calls: [["now", "{}"]] },
  ],
  ["Plain text <|x", own, { reasoning: "", text: "Plain text <|x", calls: [] }],
  // Cut off by a limit of tokens.
  ["<|channel|>analysis<|message|>Hm, so", null, { reasoning: "Hm, so", text: "", calls: [] }],
  [
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assist",
    null,
    { reasoning: "Hm.", text: "", calls: [] },
  ],
  // The request allows no calls.
  [
    '<|channel|>commentary to=functions.look json<|message|>{"at": 1}<|call|>',
    null,
    { reasoning: "", text: "", calls: [] },
  ],
];

test("channels are told apart wherever the text is cut", () => {
  for (const [text, calls, expected] of cases) {
    assert.deepEqual(read([...text], calls), expected, text);
    for (let at = 0; at <= text.length; at++)
      assert.deepEqual(read([text.slice(0, at), text.slice(at)], calls), expected, `${at}: ${text}`);
  }
});

test("what a grammar forces has no channels", () => {
  const list = '[{"name": "look", "parameters": {"at": "sky"}}]';
  assert.deepEqual(read([list], { kind: "list" }).calls, [["look", '{"at": "sky"}']]);
});
