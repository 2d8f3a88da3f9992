/** @module How a model writes calls and reasoning, read from the texts that its chat template writes. */
import type { AnswerFormat, ReasoningFormat, ToolCallFormat } from "../../core/answer/tools.ts";

type Signs = readonly (string | readonly string[])[];

/** Formats in the order in which they are tried, each with texts of which one must occur, or of a list all. */
const toolCallSigns: readonly (readonly [ToolCallFormat | null, Signs])[] = [
  // MiniMax M3 writes nested elements between marks of its own: no parser reads them.
  [null, ["]<]minimax[>["]],
  ["openai", [["<|channel|>", "functions."]]],
  ["gemma4", ['<|"|>']],
  ["cohere_command3", ["<|START_ACTION|>", "directly-answer", "directly_answer"]],
  ["minimax_m2", ["<minimax:tool_call>"]],
  ["deepseek_v32", ["｜DSML｜"]],
  ["seed_oss", ["<seed:tool_call>"]],
  ["lfm2", ["<|tool_call_start|>", "<|tool_list_start|>"]],
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
  ["minimax_m1", ["<tool_calls>"]],
  ["hermes", ["<tool_call>"]],
  [
    "llama3_json",
    [
      ["<|python_tag|>", '"parameters"'],
      ["<|start_header_id|>", '"parameters"'],
    ],
  ],
  ["pythonic", ["[func_name1(params_name1"]],
];

const reasoningSigns: readonly (readonly [ReasoningFormat, Signs])[] = [
  ["openai_gptoss", ["<|channel|>analysis"]],
  ["gemma4", ["<|channel>"]],
  ["cohere_command3", ["<|START_THINKING|>"]],
  ["seed_oss", ["<seed:think>"]],
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

function firstShown<Format>(
  source: string,
  table: readonly (readonly [Format | null, Signs])[],
): Format | null {
  const shows = (signs: Signs): boolean =>
    signs.some((sign) => [sign].flat().every((text) => source.includes(text)));
  return table.find(([, signs]) => shows(signs))?.[0] ?? null;
}
