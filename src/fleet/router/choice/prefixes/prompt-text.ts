/**
 * @module The text of a request that decides its prompt, whichever API it came by: OpenAI's chat, text, responses and
 * embeddings, Anthropic's messages, Ollama's chat and generate, /tokenize, /score and /rerank.
 *
 * All messages and the tools count, not the first message alone: else every user of one system prompt looks the same.
 */

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields that stand before the conversation in a prompt, in the order in which templates write them. */
const leadingFields = [
  "model",
  "lora",
  "adapter",
  "cache_salt",
  "tools",
  "functions",
  "system",
  "instructions",
] as const;
/** Fields that hold the prompt itself; a request has one of them. */
const promptFields = ["messages", "prompt", "input", "query", "text_1", "documents", "text_2"] as const;

/** Pieces of text in prompt order; empty for a body that is no object. */
export function* promptText(body: unknown): Generator<string> {
  if (!isObject(body)) return;
  for (const field of leadingFields) yield* textOf(body[field]);
  for (const field of promptFields) yield* textOf(body[field]);
}

function* textOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) {
    // Token ids: one part, written as text.
    if (typeof value[0] === "number") yield value.join(" ");
    else for (const item of value) yield* textOf(item);
  } else if (isObject(value)) yield* messageText(value);
}

/** A message gives its role and its texts; any other object (a tool, an image) its JSON. */
function* messageText(message: Json): Generator<string> {
  if (typeof message.role !== "string") {
    if (typeof message.text === "string") yield message.text;
    else yield JSON.stringify(message);
    return;
  }
  yield message.role;
  yield* textOf(message.content);
  if (message.tool_calls !== undefined && message.tool_calls !== null)
    yield JSON.stringify(message.tool_calls);
}
