/** @module How a model writes calls and reasoning, read from the texts that its chat template writes. */
import type { AnswerFormat, ReasoningFormat, ToolCallFormat } from "../../core/answer/tools.ts";

type Signs = readonly (string | readonly string[])[];

/** Formats in the order in which they are tried, each with texts of which one must occur, or of a list all. */
const toolCallSigns: readonly (readonly [ToolCallFormat, Signs])[] = [
  ["functiongemma", ["<start_function_call>"]],
  ["qwen3_coder", [["<tool_call>", "<function=", "<parameter="]]],
  ["glm45", [["<tool_call>", "<arg_key>", "<arg_value>"]]],
  ["kimi_k2", ["<|tool_calls_section_begin|>"]],
  ["deepseek_v3", [["<｜tool▁call▁begin｜>", "```json"]]],
  ["deepseek_v31", ["<｜tool▁call▁begin｜>"]],
  ["llama4_pythonic", ["<|python_start|>"]],
  ["mistral", ["[TOOL_CALLS]"]],
  ["phi4_mini_json", ["<|/tool_call|>", "functools["]],
  ["granite", ["<|tool_call|>", ["<function_call>", "<|start_of_role|>"]]],
  ["hermes", ["<tool_call>"]],
  [
    "llama3_json",
    [
      ["<|python_tag|>", '"parameters"'],
      ["<|start_header_id|>", '"parameters"'],
    ],
  ],
  ["pythonic", ["[func_name1(params_name1", "<|tool_call_start|>"]],
];

const reasoningSigns: readonly (readonly [ReasoningFormat, Signs])[] = [
  ["mistral", ["[THINK]"]],
  ["granite", ["Here is my thought process:"]],
  ["qwen3", [["<think>", "enable_thinking"]]],
  ["deepseek_r1", ["<think>", "</think>"]],
];

/** `sources`: the model's templates. Formats that no template shows are null. */
export function answerFormatOf(sources: readonly string[]): AnswerFormat {
  const source = sources.join("\n");
  return { toolCalls: firstShown(source, toolCallSigns), reasoning: firstShown(source, reasoningSigns) };
}

function firstShown<Format>(source: string, table: readonly (readonly [Format, Signs])[]): Format | null {
  const shows = (signs: Signs): boolean =>
    signs.some((sign) => [sign].flat().every((text) => source.includes(text)));
  return table.find(([, signs]) => shows(signs))?.[0] ?? null;
}
