/**
 * Turns as the published chat templates of sixty models write them (recorded by scripts/record-answer-turns.ts): models write
 * what they were trained on.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AnswerFormat,
  type ToolCallFormat,
  type ToolDefinition,
  toolCallFormats,
} from "../../core/answer/tools.ts";
import { AnswerReader } from "./answer-reader.ts";

interface Content {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly object[];
}

interface Turn extends AnswerFormat {
  readonly template: string;
  readonly promptEnd: string;
  readonly text: string;
  readonly expected: Content;
}

const file = new URL("../../../tests/fixtures/api/answer-turns.jsonl", import.meta.url);
const turns = readFileSync(file, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Turn);

const tools: readonly ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: {
        type: "object",
        properties: {
          city: { type: "string" },
          days: { type: "integer" },
          exact: { type: "boolean" },
          hours: { type: "array", items: { type: "integer" } },
        },
      },
    },
  },
];

function read({ toolCalls, reasoning: format, promptEnd }: Turn, parts: readonly string[]): Content {
  const syntax = {
    format: { toolCalls, reasoning: format },
    calls: { kind: "own" },
    tools,
    parallelCalls: true,
  } as const;
  const reader = new AnswerReader(syntax, promptEnd);
  let content = "";
  let reasoning = "";
  const calls: string[] = [];
  for (const piece of [...parts.flatMap((part) => reader.push(part)), ...reader.finish()]) {
    if (piece.kind === "text") content += piece.text;
    else if (piece.kind === "reasoning") reasoning += piece.text;
    else if (piece.kind === "arguments") calls[piece.index] += piece.json;
    else {
      assert.equal(piece.name, "get_weather");
      assert.equal(piece.index, calls.length);
      calls.push("");
    }
  }
  return { content, reasoning, calls: calls.map((json) => JSON.parse(json)) };
}

/** Blanks around the parts of a turn belong to the template's form. */
const trimmed = ({ content, reasoning, calls }: Content): Content => ({
  content: content.trim(),
  reasoning: reasoning.trim(),
  calls,
});

test("reasoning, text and calls of every template are read", () => {
  assert.ok(turns.length > 200);
  for (const turn of turns)
    assert.deepEqual(trimmed(read(turn, [turn.text])), turn.expected, `${turn.template}: ${turn.text}`);
});

test("where a text is cut changes nothing: into single characters, and at every position", () => {
  for (const turn of turns) {
    const whole = read(turn, [turn.text]);
    assert.deepEqual(read(turn, [...turn.text]), whole, `${turn.template}: ${turn.text}`);
    for (let at = 1; at < turn.text.length; at++)
      assert.deepEqual(
        read(turn, [turn.text.slice(0, at), turn.text.slice(at)]),
        whole,
        `${turn.template} at ${at}: ${turn.text}`,
      );
  }
});

test("a text may be cut at any number of places", () => {
  const cutTurn = fc
    .constantFrom(...turns)
    .chain((turn) =>
      fc
        .uniqueArray(fc.integer({ min: 1, max: Math.max(1, turn.text.length - 1) }), { maxLength: 12 })
        .map((cuts) => ({ turn, cuts: cuts.sort((a, b) => a - b) })),
    );
  fc.assert(
    fc.property(cutTurn, ({ turn, cuts }) => {
      const ends = [...cuts, turn.text.length];
      const parts = ends.map((end, i) => turn.text.slice(ends[i - 1] ?? 0, end));
      assert.deepEqual(read(turn, parts), read(turn, [turn.text]));
    }),
    { numRuns: 2000, seed: 13 },
  );
});

test("an answer may be cut off anywhere by a limit: what came is given out, and nothing fails", () => {
  for (const turn of turns) {
    const syntax = { format: turn, calls: { kind: "own" }, tools, parallelCalls: true } as const;
    for (let length = 0; length < turn.text.length; length += 7) {
      const reader = new AnswerReader(syntax, turn.promptEnd);
      const pieces = [...reader.push(turn.text.slice(0, length)), ...reader.finish()];
      assert.ok(pieces.length <= length);
    }
  }
});

/** Families whose templates write no calls, or are not among the recorded ones: tool-call-parser.test.ts has their forms. */
const notRecorded: ReadonlySet<ToolCallFormat> = new Set([
  "functiongemma",
  "granite",
  "llama4_pythonic",
  "phi4_mini_json",
  "pythonic",
]);

test("every parser has recorded turns with calls, but for those that are named here", () => {
  const recorded = new Set(
    turns.flatMap(({ toolCalls, expected }) => (expected.calls.length > 0 ? [toolCalls] : [])),
  );
  assert.deepEqual(
    toolCallFormats.filter((format) => recorded.has(format) === notRecorded.has(format)),
    [],
  );
});
