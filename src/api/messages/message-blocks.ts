/** @module Messages of Anthropic's protocol, and their way to the messages that chat templates read. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import { jsonObject } from "../json-object.ts";
import { shownText } from "../shown-text.ts";

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: jsonObject.optional(),
  tool_use_id: z.string().optional(),
  thinking: z.string().optional(),
});
type Block = z.infer<typeof block>;

const contentError = `must be a text or an array of blocks like {"type": "text", "text": "…"}`;
const content = z.union([z.string(), z.array(block)], { error: contentError });
type Content = z.infer<typeof content>;

export const systemSchema = content;
export const blockMessagesSchema = z
  .array(z.looseObject({ role: z.enum(["user", "assistant", "system"]), content }))
  .min(1, "must hold at least one message");
type BlockMessages = z.infer<typeof blockMessagesSchema>;

/** A message as OpenAI's protocol and chat templates know it. */
export interface ConvertedMessage {
  readonly role: string;
  readonly content: string | { readonly type: "text"; readonly text: string }[];
  readonly [field: string]: unknown;
}

/**
 * One message for each message and one more for each tool result. Throws `invalid_request` that names a block which is
 * not text, thinking or a call of a tool.
 */
export function toConvertedMessages(system: Content | null, messages: BlockMessages): ConvertedMessage[] {
  const converted = messages.flatMap((message, i) => convert(message, `messages.${i}.content`));
  if (system === null || system.length === 0) return converted;
  return [{ role: "system", content: textsOf(system, "system") }, ...converted];
}

/** Whether the answer continues the last message, which the client has begun for the assistant. */
export function continuesLastMessage(messages: BlockMessages): boolean {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return false;
  return typeof last.content === "string" || last.content.every(({ type }) => type !== "tool_use");
}

function convert({ role, content: stated }: BlockMessages[number], param: string): ConvertedMessage[] {
  if (typeof stated === "string") return [{ role, content: stated }];
  if (role === "system") return [{ role, content: textsOf(stated, param) }];
  return role === "user" ? userMessages(stated, param) : [assistantMessage(stated, param)];
}

/** Results of tools are messages of their own; they come first, since they answer the message before. */
function userMessages(blocks: readonly Block[], param: string): ConvertedMessage[] {
  const results: ConvertedMessage[] = [];
  const texts: { type: "text"; text: string }[] = [];
  for (const [i, each] of blocks.entries()) {
    if (each.type === "tool_result") results.push(toolResult(each, `${param}.${i}`));
    else texts.push({ type: "text", text: textOf(each, `${param}.${i}`) });
  }
  if (texts.length > 0 || results.length === 0) results.push({ role: "user", content: texts });
  return results;
}

function toolResult(result: Block, param: string): ConvertedMessage {
  const parsed = content.nullish().safeParse(result.content);
  if (!parsed.success) throw wrongBlock(param, "has a content that is neither a text nor an array of blocks");
  const stated = parsed.data ?? "";
  const text = typeof stated === "string" ? stated : textsOf(stated, `${param}.content`);
  return { role: "tool", tool_call_id: result.tool_use_id ?? "", content: text };
}

function assistantMessage(blocks: readonly Block[], param: string): ConvertedMessage {
  const calls: unknown[] = [];
  let text = "";
  let thinking = "";
  for (const [i, each] of blocks.entries()) {
    if (each.type === "tool_use") calls.push(toolCall(each, `${param}.${i}`));
    else if (each.type === "thinking") thinking += each.thinking ?? "";
    // Its text can be read by nobody but who encrypted it.
    else if (each.type !== "redacted_thinking") text += textOf(each, `${param}.${i}`);
  }
  return {
    role: "assistant",
    content: text,
    ...(thinking === "" ? {} : { reasoning_content: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function toolCall({ id, name, input }: Block, param: string): unknown {
  if (name === undefined) throw wrongBlock(param, "is a tool_use without a name");
  return { id: id ?? "", type: "function", function: { name, arguments: input ?? {} } };
}

function textsOf(stated: Content, param: string): string {
  if (typeof stated === "string") return stated;
  return stated.map((each, i) => textOf(each, `${param}.${i}`)).join("\n");
}

function textOf(each: Block, param: string): string {
  if (each.type === "text" && each.text !== undefined) return each.text;
  throw wrongBlock(param, `is a block of type '${shownText(each.type)}', and this model reads texts only`);
}

function wrongBlock(param: string, why: string): PagodaError {
  return new PagodaError("invalid_request", `'${param}' ${why}.`, {
    param,
    hint: `Send {"type": "text", "text": "…"}.`,
  });
}
