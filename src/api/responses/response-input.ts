/** @module The `input` of a response: a text or items of a conversation, and their way to messages. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { messagesSchema } from "../chat/chat-messages.ts";
import { shownText } from "../shown-text.ts";

const part = z.looseObject({ type: z.string(), text: z.unknown().optional() });
const content = z.union([z.string(), z.array(part)], { error: "must be a text or an array of parts" });

const item = z.looseObject({
  type: z.string().nullish(),
  role: z.string().nullish(),
  content: content.nullish(),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  arguments: z.string().nullish(),
  output: content.nullish(),
});
type Item = z.infer<typeof item>;

export const inputSchema = z.union([z.string(), z.array(item).min(1)], {
  error: "must be a text or an array of at least one item",
});

type WireMessage = z.infer<typeof messagesSchema>[number];

/** Parts of one turn of the assistant come as items of their own, and are one message. */
interface OpenTurn {
  content: string | null;
  reasoning: string;
  readonly calls: { type: "function"; id: string; function: { name: string; arguments: string } }[];
}

/** Throws `invalid_request` that names an item, or a part of one, that is neither text nor a function's. */
export function toInputMessages(
  instructions: string | null,
  input: z.infer<typeof inputSchema>,
): WireMessage[] {
  const messages: WireMessage[] = [];
  if (instructions !== null && instructions !== "") messages.push({ role: "system", content: instructions });
  if (typeof input === "string") return [...messages, { role: "user", content: input }];
  let turn: OpenTurn | null = null;
  const closeTurn = (): void => {
    if (turn !== null) messages.push(toMessage(turn));
    turn = null;
  };
  for (const [i, each] of input.entries()) {
    const param = `input.${i}`;
    const added: OpenTurn | WireMessage = read(each, param, turn);
    if (isTurn(added)) {
      if (added !== turn) closeTurn();
      turn = added;
    } else {
      closeTurn();
      messages.push(added);
    }
  }
  closeTurn();
  return messages;
}

function isTurn(read: OpenTurn | WireMessage): read is OpenTurn {
  return "reasoning" in read;
}

/** The turn that the item belongs to, open or new, or a message of its own. */
function read(each: Item, param: string, open: OpenTurn | null): OpenTurn | WireMessage {
  const type = each.type ?? "message";
  switch (type) {
    case "message":
      return readMessage(each, param, open);
    case "reasoning":
      return { content: null, reasoning: reasoningOf(each), calls: [] };
    case "function_call": {
      const turn = open ?? { content: null, reasoning: "", calls: [] };
      const { name, arguments: json, call_id: id } = each;
      if (typeof name !== "string") throw wrongItem(param, "is a function_call without a name");
      turn.calls.push({ type: "function", id: id ?? "", function: { name, arguments: json ?? "" } });
      return turn;
    }
    case "function_call_output":
      return {
        role: "tool",
        tool_call_id: each.call_id ?? "",
        content: textOf(each.output ?? "", `${param}.output`),
      };
    default:
      throw wrongItem(param, `is an item of type '${shownText(type)}', which this server does not read`);
  }
}

function readMessage(each: Item, param: string, open: OpenTurn | null): OpenTurn | WireMessage {
  const role = each.role ?? "user";
  const text = textOf(each.content ?? "", `${param}.content`);
  if (role !== "assistant") return { role, content: text };
  if (open === null || open.content !== null || open.calls.length > 0)
    return { content: text, reasoning: "", calls: [] };
  open.content = text;
  return open;
}

function toMessage({ content: text, reasoning, calls }: OpenTurn): WireMessage {
  return {
    role: "assistant",
    content: text,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function reasoningOf({ content: stated }: Item): string {
  if (stated === null || stated === undefined || typeof stated === "string") return stated ?? "";
  return stated.map(({ text }) => (typeof text === "string" ? text : "")).join("");
}

const textParts: ReadonlySet<string> = new Set(["input_text", "output_text", "text", "refusal"]);

function textOf(stated: z.infer<typeof content>, param: string): string {
  if (typeof stated === "string") return stated;
  return stated
    .map((each, i) => {
      const text = each.type === "refusal" ? each.refusal : each.text;
      if (textParts.has(each.type) && typeof text === "string") return text;
      throw new PagodaError(
        "invalid_request",
        `'${param}.${i}' is a part of type '${shownText(each.type)}', and this model reads texts only.`,
        { param: `${param}.${i}`, hint: `Send {"type": "input_text", "text": "…"}.` },
      );
    })
    .join("");
}

function wrongItem(param: string, why: string): PagodaError {
  return new PagodaError("invalid_request", `'${param}' ${why}.`, {
    param,
    hint: `Send messages, such as {"role": "user", "content": "…"}, calls of functions and their outputs.`,
  });
}
