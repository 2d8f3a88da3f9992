/** @module The parser of each format in which models write calls. */
import type { ToolCallFormat, ToolDefinition } from "../../../core/answer/tools.ts";
import type { AnswerParser, CallNumbers } from "../pieces/answer-piece.ts";
import { FunctionGemmaParser } from "./function-gemma.ts";
import { JsonCallsParser } from "./json-calls.ts";
import { MarkedArgumentsParser } from "./marked-arguments.ts";
import { MistralCallsParser } from "./mistral-calls.ts";
import { NamedCallsParser } from "./named-calls.ts";
import { PythonicCallsParser } from "./pythonic-calls.ts";

type Make = (calls: CallNumbers, tools: readonly ToolDefinition[]) => AnswerParser;

const jsonCalls =
  (opens: readonly string[], closes: readonly string[], mayBeBare: boolean): Make =>
  (calls) =>
    new JsonCallsParser({ opens, closes, mayBeBare }, calls);

/** The marks of DeepSeek's calls. */
const deepseek = {
  open: "<｜tool▁call▁begin｜>",
  separators: ["<｜tool▁sep｜>"],
  ignored: [
    "\n```<｜tool▁call▁end｜>",
    "```<｜tool▁call▁end｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁outputs▁begin｜>",
  ],
};

const lines = (header: string): readonly string[] => header.split("\n").map((line) => line.trim());

const parsers: Readonly<Record<ToolCallFormat, Make>> = {
  hermes: jsonCalls(["<tool_call>"], ["</tool_call>"], false),
  llama3_json: jsonCalls(["<|python_tag|>"], ["<|eom_id|>", "<|eot_id|>"], true),
  granite: jsonCalls(["<|tool_call|>", "<tool_call>", "<function_call>"], ["</tool_call>"], true),
  phi4_mini_json: jsonCalls(["functools", "<|tool_call|>"], ["<|/tool_call|>"], false),
  mistral: (calls) => new MistralCallsParser(calls),
  // "function", the name, and then the arguments in a fence.
  deepseek_v3: (calls) =>
    new NamedCallsParser({ ...deepseek, nameOf: (header) => lines(header)[1] ?? "" }, calls),
  deepseek_v31: (calls) =>
    new NamedCallsParser({ ...deepseek, nameOf: (header) => lines(header)[0] ?? "" }, calls),
  kimi_k2: (calls) =>
    new NamedCallsParser(
      {
        open: "<|tool_call_begin|>",
        separators: ["<|tool_call_argument_begin|>"],
        ignored: ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_end|>"],
        // functions.NAME:NUMBER
        nameOf: (header) => header.replace(/^functions\./, "").replace(/:\d+\s*$/, ""),
      },
      calls,
    ),
  qwen3_coder: (calls, tools) =>
    new MarkedArgumentsParser(
      {
        open: "<tool_call>",
        close: "</tool_call>",
        nameOpen: "<function=",
        nameClose: ">",
        keyOpen: "<parameter=",
        keyClose: />/,
        valueClose: "</parameter>",
        closesAll: ["</function>", "</tool_call>"],
        ignored: [],
      },
      calls,
      tools,
    ),
  glm45: (calls, tools) =>
    new MarkedArgumentsParser(
      {
        open: "<tool_call>",
        close: "</tool_call>",
        nameOpen: "",
        nameClose: "\n",
        keyOpen: "<arg_key>",
        keyClose: /<\/arg_key>\s*<arg_value>/,
        valueClose: "</arg_value>",
        closesAll: ["</tool_call>"],
        ignored: [],
      },
      calls,
      tools,
    ),
  pythonic: (calls) => new PythonicCallsParser([], calls),
  llama4_pythonic: (calls) => new PythonicCallsParser(["<|python_start|>", "<|python_end|>"], calls),
  functiongemma: (calls) => new FunctionGemmaParser(calls),
};

export function newToolCallParser(
  format: ToolCallFormat,
  calls: CallNumbers,
  tools: readonly ToolDefinition[],
): AnswerParser {
  return parsers[format](calls, tools);
}
