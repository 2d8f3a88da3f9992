/** @module Conversations of every kind that chat templates tell apart. */

export interface Conversation {
  readonly name: string;
  /** Variables of the template beside the special tokens. */
  readonly variables: Readonly<Record<string, unknown>>;
}

const system = { role: "system", content: "You are a helpful assistant.\nAnswer briefly." };
const hello = { role: "user", content: "Hello, who are you?" };
const answer = { role: "assistant", content: "I am a model." };
const next = { role: "user", content: "What is 2 + 2?" };

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: 'Weather of a city, "now" & <soon>',
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", description: "Name of the city" },
        unit: { type: "string", enum: ["celsius", "fahrenheit"], default: "celsius" },
        days: { type: ["integer", "null"], minimum: 1, maximum: 14.5 },
        places: { type: "array", items: { type: "object", properties: { id: { type: "number" } } } },
      },
      required: ["city"],
    },
  },
};
const search = {
  type: "function",
  function: { name: "search", description: "", parameters: { type: "object", properties: {} } },
};
const toolCall = (args: unknown, id = "call00001") => ({
  role: "assistant",
  content: "",
  tool_calls: [{ id, type: "function", function: { name: "get_weather", arguments: args } }],
});
const toolResult = {
  role: "tool",
  name: "get_weather",
  tool_call_id: "call00001",
  content: '{"temperature": 21.5, "sky": "klar ☀"}',
};
const toolArguments = {
  city: "Zürich",
  days: 3,
  exact: true,
  note: null,
  limits: [1, 2.5],
  deep: { a: "b" },
};
const parts = (...texts: readonly string[]) => texts.map((text) => ({ type: "text", text }));

const messagesOf: Readonly<Record<string, readonly object[]>> = {
  user: [hello],
  "system and user": [system, hello],
  "several turns": [system, hello, answer, next],
  "no system, several turns": [hello, answer, next],
  "ends with the assistant": [hello, answer],
  "empty texts": [
    { role: "system", content: "" },
    { role: "user", content: "" },
  ],
  "empty answer": [hello, { role: "assistant", content: "" }, next],
  padded: [
    { role: "system", content: "  \n padded system \n" },
    { role: "user", content: "\n\n  padded user  \n" },
    { role: "assistant", content: "\t padded answer\n\n" },
    { role: "user", content: "  " },
  ],
  "line ends": [{ role: "user", content: "a\r\nb\rc\u2028d\n" }],
  unicode: [system, { role: "user", content: "Grüße 👋🏽 \u{1f468}\u200d\u{1f469} 漢字 \u0000\u0007" }],
  braces: [{ role: "user", content: "{{ x }} {% if %} {# c #} <|im_end|> </s> '\"\\n" }],
  think: [hello, { role: "assistant", content: "<think>\nHmm, let me see.\n</think>\n\nAn answer." }, next],
  "think, the last answer": [hello, { role: "assistant", content: "<think>a</think>b</think>c" }],
  reasoning: [
    hello,
    { role: "assistant", content: "An answer.", reasoning_content: "Let me see.\n" },
    next,
    { role: "assistant", content: "4", reasoning_content: "", thinking: "Two and two." },
  ],
  "two users": [hello, next],
  "assistant first": [answer, hello],
  "system later": [hello, answer, system, next],
  developer: [{ role: "developer", content: "Be terse." }, hello],
  "unknown role": [hello, { role: "critic", content: "Bad." }],
  "tool call, arguments as values": [system, hello, toolCall(toolArguments), toolResult, answer, next],
  "tool call, arguments as text": [hello, toolCall(JSON.stringify(toolArguments)), toolResult],
  "tool call with a text": [hello, { ...toolCall({}), content: "Let me look." }, toolResult, next],
  "two tool calls": [
    hello,
    {
      role: "assistant",
      content: null,
      tool_calls: [...toolCall({ city: "A" }).tool_calls, ...toolCall({ city: "B" }, "call00002").tool_calls],
    },
    toolResult,
    { ...toolResult, tool_call_id: "call00002", content: "rain" },
  ],
  "tool call, reasoning": [
    hello,
    { ...toolCall({ city: "A" }), reasoning_content: "I need the weather." },
    toolResult,
    { role: "assistant", content: "<think>x</think>Sunny.", tool_calls: null },
    next,
  ],
  "empty tool calls": [hello, { ...answer, tool_calls: [] }, next],
  "no content": [hello, { role: "assistant", content: null }, next],
  parts: [
    { role: "system", content: parts("System.") },
    { role: "user", content: parts(" one ", "two\n") },
    { role: "assistant", content: parts("three") },
    { role: "user", content: parts("") },
  ],
  image: [{ role: "user", content: [{ type: "image" }, { type: "text", text: "What is this?" }] }],
  "no messages": [],
};

const tools = [weather, search];
const withMessages = (
  name: string,
  messages: string,
  variables: Readonly<Record<string, unknown>>,
): Conversation => ({ name, variables: { messages: messagesOf[messages], ...variables } });

/** Each with a generation prompt; some again with tools, without thinking, without a generation prompt. */
export const conversations: readonly Conversation[] = [
  ...Object.keys(messagesOf).map((name) => withMessages(name, name, { add_generation_prompt: true })),
  withMessages("no generation prompt", "several turns", { add_generation_prompt: false }),
  withMessages("no generation prompt, think", "think, the last answer", { add_generation_prompt: false }),
  withMessages("tools", "user", { add_generation_prompt: true, tools }),
  withMessages("tools, several turns", "several turns", { add_generation_prompt: true, tools }),
  withMessages("tools and calls", "tool call, arguments as values", { add_generation_prompt: true, tools }),
  withMessages("tools and calls as text", "tool call, arguments as text", {
    add_generation_prompt: true,
    tools,
  }),
  withMessages("tools and two calls", "two tool calls", { add_generation_prompt: false, tools }),
  withMessages("tools, think", "tool call, reasoning", { add_generation_prompt: true, tools }),
  withMessages("no thinking", "several turns", { add_generation_prompt: true, enable_thinking: false }),
  withMessages("thinking", "reasoning", {
    add_generation_prompt: true,
    enable_thinking: true,
    thinking: true,
  }),
  withMessages("no thinking, tools", "tool call, reasoning", {
    add_generation_prompt: true,
    tools,
    enable_thinking: false,
    thinking: false,
    reasoning_effort: "low",
  }),
  withMessages("documents", "system and user", {
    add_generation_prompt: true,
    documents: [{ title: "T", text: "Some text", doc_id: 1 }],
  }),
];
