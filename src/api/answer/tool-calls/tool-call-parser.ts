/** @module The parser of each format in which models write calls. */
import type { ToolCallFormat, ToolDefinition } from "../../../core/answer/tools.ts";
import type { AnswerParser, CallNumbers } from "../pieces/answer-piece.ts";
import { GemmaCallsParser } from "./gemma-calls.ts";
import { HarmonyParser } from "./harmony.ts";
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
  lfm2: (calls) => new PythonicCallsParser(["<|tool_call_start|>", "<|tool_call_end|>"], calls),
  llama4_pythonic: (calls) => new PythonicCallsParser(["<|python_start|>", "<|python_end|>"], calls),
  functiongemma: (calls) =>
    new GemmaCallsParser(
      { open: "<start_function_call>", close: "<end_function_call>", quote: "<escape>" },
      calls,
    ),
  gemma4: (calls) =>
    new GemmaCallsParser({ open: "<|tool_call>", close: "<tool_call|>", quote: '<|"|>' }, calls),
  // Command R7B and later have marks, Command R a fence.
  cohere_command3: jsonCalls(
    ["<|START_ACTION|>", "Action:\n```json\n", "Action: ```json\n"],
    ["<|END_ACTION|>", "```"],
    false,
  ),
  minimax_m1: jsonCalls(["<tool_calls>"], ["</tool_calls>"], false),
  minimax_m2: (calls, tools) =>
    new MarkedArgumentsParser(
      {
        open: '<invoke name="',
        close: "</invoke>",
        nameOpen: "",
        nameClose: '">',
        keyOpen: '<parameter name="',
        keyClose: /">/,
        valueClose: "</parameter>",
        closesAll: ["</invoke>"],
        ignored: ["<minimax:tool_call>", "</minimax:tool_call>"],
      },
      calls,
      tools,
    ),
  deepseek_v32: (calls, tools) =>
    new MarkedArgumentsParser(
      {
        open: '<｜DSML｜invoke name="',
        close: "</｜DSML｜invoke>",
        nameOpen: "",
        nameClose: '">',
        keyOpen: '<｜DSML｜parameter name="',
        keyClose: /" string="(true|false)">/,
        valueClose: "</｜DSML｜parameter>",
        closesAll: ["</｜DSML｜invoke>"],
        ignored: [
          "<｜DSML｜function_calls>",
          "</｜DSML｜function_calls>",
          "<｜DSML｜tool_calls>",
          "</｜DSML｜tool_calls>",
        ],
      },
      calls,
      tools,
    ),
  seed_oss: (calls, tools) =>
    new MarkedArgumentsParser(
      {
        open: "<seed:tool_call>",
        close: "</seed:tool_call>",
        nameOpen: "<function=",
        nameClose: ">",
        keyOpen: "<parameter=",
        keyClose: />/,
        valueClose: "</parameter>",
        closesAll: ["</function>", "</seed:tool_call>"],
        ignored: [],
      },
      calls,
      tools,
    ),
  openai: (calls) => new HarmonyParser(calls),
};

export function newToolCallParser(
  format: ToolCallFormat,
  calls: CallNumbers,
  tools: readonly ToolDefinition[],
): AnswerParser {
  return parsers[format](calls, tools);
}
