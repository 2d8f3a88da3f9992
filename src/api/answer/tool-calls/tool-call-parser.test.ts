import assert from "node:assert/strict";
import { test } from "node:test";
import type { ToolCallFormat, ToolDefinition } from "../../../core/answer/tools.ts";
import { type AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { newToolCallParser } from "./tool-call-parser.ts";

interface Read {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
}

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
          zip: { type: "string" },
          exact: { type: "boolean" },
          hours: { type: "array", items: { type: "integer" } },
        },
      },
    },
  },
];

function joined(pieces: readonly AnswerPiece[]): Read {
  let text = "";
  const calls: { name: string; json: string }[] = [];
  for (const piece of pieces) {
    if (piece.kind === "text") text += piece.text;
    else if (piece.kind === "call") {
      assert.equal(piece.index, calls.length);
      calls.push({ name: piece.name, json: "" });
    } else if (piece.kind === "arguments") {
      const call = calls[piece.index];
      assert.ok(call !== undefined, "arguments before their call");
      call.json += piece.json;
    } else assert.fail(`a piece of ${piece.kind}`);
  }
  return { text, calls: calls.map(({ name, json }) => ({ name, arguments: JSON.parse(json) })) };
}

function readIn(format: ToolCallFormat, pieces: readonly string[]): Read {
  const parser = newToolCallParser(format, new CallNumbers(() => "id"), tools);
  return joined([...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()]);
}

const paris = { name: "get_weather", arguments: { city: "Paris", days: 2 } };
const oslo = { name: "get_weather", arguments: { city: "Oslo", days: 3 } };
const parisJson = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}';
const osloJson = '{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}';
const nested = {
  name: "set",
  arguments: { a: { b: [1, { c: '}]\\" {' }], d: null }, e: "é \u{1f600} </tool_cal [TOOL", f: -1.5e3 },
};
const nestedJson = JSON.stringify(nested);
const nestedArguments = JSON.stringify(nested.arguments);

/** Outputs as models of the families write them. */
const cases: readonly (readonly [ToolCallFormat, string, Read])[] = [
  ["hermes", `<tool_call>\n${parisJson}\n</tool_call>`, { text: "", calls: [paris] }],
  [
    "hermes",
    `Let me look.\n<tool_call>\n${parisJson}\n</tool_call>\n<tool_call>\n${osloJson}\n</tool_call>\n`,
    { text: "Let me look.\n", calls: [paris, oslo] },
  ],
  ["hermes", `<tool_call>${nestedJson}</tool_call>`, { text: "", calls: [nested] }],
  [
    "hermes",
    '<tool_call>{"arguments": {"city": "Paris", "days": 2}, "name": "get_weather"}</tool_call>',
    { text: "", calls: [paris] },
  ],
  [
    "hermes",
    '<tool_call>{"name": "now", "arguments": "{\\"zone\\": \\"UTC\\"}"}</tool_call>',
    { text: "", calls: [{ name: "now", arguments: { zone: "UTC" } }] },
  ],
  ["hermes", '<tool_call>{"name": "now"}</tool_call>', { text: "", calls: [{ name: "now", arguments: {} }] }],
  ["hermes", "a < b, <tool> and no call", { text: "a < b, <tool> and no call", calls: [] }],
  ["hermes", "<tool_call>\nnot JSON</tool_call>", { text: "<tool_call>\nnot JSON</tool_call>", calls: [] }],
  ["hermes", 'see {"name": 5}', { text: 'see {"name": 5}', calls: [] }],
  // The end was cut off by a limit of tokens.
  ["hermes", `<tool_call>\n${parisJson}`, { text: "", calls: [paris] }],
  [
    "llama3_json",
    '{"name": "get_weather", "parameters": {"city": "Paris", "days": 2}}',
    { text: "", calls: [paris] },
  ],
  [
    "llama3_json",
    '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris", "days": 2}}; {"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}',
    { text: "", calls: [paris, oslo] },
  ],
  [
    "llama3_json",
    '{"type": "function", "name": "get_weather", "parameters": {"city": "Paris", "days": 2}}',
    { text: "", calls: [paris] },
  ],
  ["llama3_json", '{"answer": [1, 2]}', { text: '{"answer": [1, 2]}', calls: [] }],
  ["llama3_json", "[1, 2, 3]", { text: "[1, 2, 3]", calls: [] }],
  ["llama3_json", " It is {warm}.", { text: " It is {warm}.", calls: [] }],
  ["mistral", `[TOOL_CALLS][${parisJson}, ${osloJson}]`, { text: "", calls: [paris, oslo] }],
  ["mistral", `[TOOL_CALLS] [${parisJson}]`, { text: "", calls: [paris] }],
  [
    "mistral",
    '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris", "days": 2}[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo", "days": 3}',
    { text: "", calls: [paris, oslo] },
  ],
  [
    "mistral",
    'Sure.[TOOL_CALLS]get_weather[CALL_ID]abcdefghi[ARGS]{"city": "Paris", "days": 2}',
    { text: "Sure.", calls: [paris] },
  ],
  [
    "mistral",
    `[TOOL_CALLS]set{"x"${nestedArguments.slice(4)}`.replace('{"x"', '{"a"'),
    { text: "", calls: [nested] },
  ],
  ["mistral", "[TOOL] is no mark", { text: "[TOOL] is no mark", calls: [] }],
  ["granite", `<|tool_call|>[${parisJson}, ${osloJson}]`, { text: "", calls: [paris, oslo] }],
  ["granite", `<tool_call>[${parisJson}]`, { text: "", calls: [paris] }],
  [
    "granite",
    `<function_call> ${parisJson}\n<function_call> ${osloJson}`,
    { text: "", calls: [paris, oslo] },
  ],
  ["phi4_mini_json", `functools[${parisJson}, ${osloJson}]`, { text: "", calls: [paris, oslo] }],
  ["phi4_mini_json", `<|tool_call|>[${parisJson}]<|/tool_call|>`, { text: "", calls: [paris] }],
  ["phi4_mini_json", "Use functools.partial here", { text: "Use functools.partial here", calls: [] }],
  [
    "deepseek_v3",
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Paris", "days": 2}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Oslo", "days": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    { text: "", calls: [paris, oslo] },
  ],
  [
    "deepseek_v31",
    'I look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Paris", "days": 2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    { text: "I look.", calls: [paris] },
  ],
  [
    "kimi_k2",
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Paris", "days": 2}<|tool_call_end|><|tool_call_begin|>functions.get_weather:1<|tool_call_argument_begin|>{"city": "Oslo", "days": 3}<|tool_call_end|><|tool_calls_section_end|>',
    { text: "", calls: [paris, oslo] },
  ],
  [
    "qwen3_coder",
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    { text: "", calls: [paris] },
  ],
  [
    "qwen3_coder",
    "I look.\n\n<tool_call>\n<function=get_weather>\n<parameter=zip>\n01234\n</parameter>\n<parameter=exact>\nTrue\n</parameter>\n<parameter=hours>\n[1, 2]\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
    {
      text: "I look.\n\n",
      calls: [
        { name: "get_weather", arguments: { zip: "01234", exact: true, hours: [1, 2] } },
        { name: "now", arguments: {} },
      ],
    },
  ],
  [
    "qwen3_coder",
    "<function=write>\n<parameter=text>\nline 1\n\n  if a < b: x[1] > 2\n</parameter>\n</function>",
    { text: "", calls: [{ name: "write", arguments: { text: "line 1\n\n  if a < b: x[1] > 2" } }] },
  ],
  [
    "glm45",
    "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>now</tool_call>",
    { text: "", calls: [paris, { name: "now", arguments: {} }] },
  ],
  [
    "pythonic",
    "[get_weather(city=\"Paris\", days=2), get_weather(city='Oslo', days=3)]",
    { text: "", calls: [paris, oslo] },
  ],
  [
    "pythonic",
    `[set(a={'b': [1, {"c": "}]\\\\\\" {"}], 'd': None}, e='it\\'s', f=-1.5e3, g=(True, False,), h=[])]`,
    {
      text: "",
      calls: [
        {
          name: "set",
          arguments: {
            a: { b: [1, { c: '}]\\" {' }], d: null },
            e: "it's",
            f: -1500,
            g: [true, false],
            h: [],
          },
        },
      ],
    },
  ],
  ["pythonic", "[1] is a reference", { text: "[1] is a reference", calls: [] }],
  ["pythonic", "[see(below]", { text: "[see(below]", calls: [] }],
  ["pythonic", "It is warm.", { text: "It is warm.", calls: [] }],
  [
    "llama4_pythonic",
    '<|python_start|>[get_weather(city="Paris", days=2)]<|python_end|>',
    { text: "", calls: [paris] },
  ],
  [
    "functiongemma",
    "<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:2}<end_function_call>",
    { text: "", calls: [paris] },
  ],
  [
    "functiongemma",
    "<start_function_call>call:set{a:{b:[1,<escape>x: {y}<escape>]},ok:true}<end_function_call>",
    { text: "", calls: [{ name: "set", arguments: { a: { b: [1, "x: {y}"] }, ok: true } }] },
  ],
];

test("calls are read in every family's notation, whole", () => {
  for (const [format, text, read] of cases)
    assert.deepEqual(readIn(format, [text]), read, `${format}: ${text}`);
});

test("where the text is cut changes nothing: at every position, and into single characters", () => {
  for (const [format, text, read] of cases) {
    assert.deepEqual(readIn(format, [...text]), read, `${format}: ${text}`);
    for (let at = 0; at <= text.length; at++)
      assert.deepEqual(
        readIn(format, [text.slice(0, at), text.slice(at)]),
        read,
        `${format} at ${at}: ${text}`,
      );
  }
});

test("text is not held back longer than a mark could begin in it", () => {
  const parser = newToolCallParser("hermes", new CallNumbers(() => "id"), tools);
  assert.deepEqual(parser.push("warm <tool"), [{ kind: "text", text: "warm " }]);
  assert.deepEqual(parser.push("box"), [{ kind: "text", text: "<toolbox" }]);
});

test("arguments are passed on as they come", () => {
  const parser = newToolCallParser("hermes", new CallNumbers(() => "id"), tools);
  assert.deepEqual(parser.push('<tool_call>{"name": "f", "arguments": {"a": "lo'), [
    { kind: "call", index: 0, callId: "id", name: "f" },
    { kind: "arguments", index: 0, json: '{"a": "lo' },
  ]);
  assert.deepEqual(parser.push("ng"), [{ kind: "arguments", index: 0, json: "ng" }]);
});
