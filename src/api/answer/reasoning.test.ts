import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReasoningFormat } from "../../core/answer/tools.ts";
import { AnswerReader } from "./answer-reader.ts";

interface Read {
  readonly reasoning: string;
  readonly text: string;
}

function read(format: ReasoningFormat, promptEnd: string, pieces: readonly string[]): Read {
  const syntax = {
    format: { toolCalls: null, reasoning: format },
    calls: null,
    tools: [],
    parallelCalls: true,
  };
  const reader = new AnswerReader(syntax, promptEnd);
  const all = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.finish()];
  const of = (kind: "text" | "reasoning"): string =>
    all.map((piece) => (piece.kind === kind ? piece.text : "")).join("");
  return { reasoning: of("reasoning"), text: of("text") };
}

const cases: readonly (readonly [ReasoningFormat, string, string, Read])[] = [
  [
    "qwen3",
    "<|im_start|>assistant\n",
    "<think>\nHm.\n\nSo.\n</think>\n\nYes.",
    { reasoning: "Hm.\n\nSo.", text: "Yes." },
  ],
  ["qwen3", "<think>\n\n</think>\n\n", "Yes <think> no.", { reasoning: "", text: "Yes <think> no." }],
  ["qwen3", "<|im_start|>assistant\n", "Yes.", { reasoning: "", text: "Yes." }],
  ["deepseek_r1", "<｜Assistant｜><think>\n", "Hm.</think>Yes.", { reasoning: "Hm.", text: "Yes." }],
  ["deepseek_r1", "<｜Assistant｜><think>\n", "<think>Hm.</think>Yes.", { reasoning: "Hm.", text: "Yes." }],
  // Cut off by a limit of tokens.
  ["deepseek_r1", "<think>\n", "Hm, </thi", { reasoning: "Hm, </thi", text: "" }],
  ["mistral", "[/INST]", "[THINK]Hm.[/THINK]Yes.", { reasoning: "Hm.", text: "Yes." }],
  [
    "granite",
    "<|start_of_role|>assistant<|end_of_role|>",
    "Here is my thought process:\nHm.\nHere is my response:\nYes.",
    { reasoning: "Hm.", text: "Yes." },
  ],
];

test("reasoning is split off wherever the text is cut", () => {
  for (const [format, promptEnd, text, expected] of cases) {
    assert.deepEqual(read(format, promptEnd, [...text]), expected, text);
    for (let at = 0; at <= text.length; at++)
      assert.deepEqual(
        read(format, promptEnd, [text.slice(0, at), text.slice(at)]),
        expected,
        `${at}: ${text}`,
      );
  }
});

test("calls follow reasoning, and only the first one is given out where the request wants one at a time", () => {
  const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';
  const syntax = {
    format: { toolCalls: "hermes", reasoning: "qwen3" },
    calls: { kind: "own" },
    tools: [],
    parallelCalls: false,
  } as const;
  const reader = new AnswerReader(syntax, "<think>\n");
  const pieces = [...reader.push(`I call <tool_call>.</think>\n${call}\n${call}`), ...reader.finish()];
  assert.deepEqual(
    pieces.map((piece) => piece.kind),
    ["reasoning", "call", "arguments"],
  );
  assert.ok(reader.endsInCalls);
});
