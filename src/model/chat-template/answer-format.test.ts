import assert from "node:assert/strict";
import { test } from "node:test";
import { answerFormatOf } from "./answer-format.ts";

/** The marks of published templates of each family, and what they show. */
const cases: readonly (readonly [marks: string, toolCalls: string | null, reasoning: string | null])[] = [
  ['<tool_call>\\n{"name": … </tool_call> <think> enable_thinking', "hermes", "qwen3"],
  ["<tool_call>\\n<function=name>\\n<parameter=key>", "qwen3_coder", null],
  ["<tool_call>{{ name }}\\n<arg_key>k</arg_key>\\n<arg_value>v</arg_value>", "glm45", null],
  ["[AVAILABLE_TOOLS] [TOOL_CALLS] [THINK]", "mistral", "mistral"],
  ['<|start_header_id|> <|python_tag|> {"name": function name, "parameters": …}', "llama3_json", null],
  [
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>\\n```json <think> </think>",
    "deepseek_v3",
    "deepseek_r1",
  ],
  ["<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "deepseek_v31", null],
  ["<|tool_calls_section_begin|><|tool_call_begin|>", "kimi_k2", null],
  ["<|start_of_role|>assistant<|tool_call|> Here is my thought process:", "granite", "granite"],
  ["<|tool|> <|/tool|> <|tool_call|> <|/tool_call|>", "phi4_mini_json", null],
  ["<start_function_call>call:", "functiongemma", null],
  ["<|start|>assistant to=functions.f<|channel|>commentary <|channel|>analysis", "openai", "openai_gptoss"],
  ['<|tool_call>call:f{<|"|>a<|"|>}<tool_call|> <|channel>thought', "gemma4", "gemma4"],
  ["<|START_THINKING|> <|START_ACTION|>[]<|END_ACTION|>", "cohere_command3", "cohere_command3"],
  ["Use the `directly-answer` tool", "cohere_command3", null],
  ["<minimax:tool_call> <think> </think>", "minimax_m2", "deepseek_r1"],
  ["]<]minimax[>[<tool_call>", null, null],
  ["<tool_calls>\\n", "minimax_m1", null],
  ["<｜DSML｜invoke name= <think> enable_thinking", "deepseek_v32", "qwen3"],
  ["<seed:tool_call> <seed:think>", "seed_oss", "seed_oss"],
  ["<|tool_list_start|>", "lfm2", null],
  ["{{ message.role }}: {{ message.content }}", null, null],
];

test("the notation of calls and reasoning is read from the marks of the template", () => {
  for (const [marks, toolCalls, reasoning] of cases)
    assert.deepEqual(answerFormatOf([marks]), { toolCalls, reasoning }, marks);
});
