/** @module Content that came as a list of text parts: handed on as it is, or as one text, by what the template does with it. */
import type { Template } from "@huggingface/jinja";
import type { ChatMessage } from "../../core/generation.ts";

/** Parts as one text, a line each, as vLLM joins them. */
export function withJoinedParts(message: ChatMessage): ChatMessage {
  const { content } = message;
  if (content === null || typeof content === "string") return message;
  return { ...message, content: content.map(({ text }) => text).join("\n") };
}

/**
 * Whether the template goes through the parts itself: it has a loop over some `content`, over a message's field of that
 * name or a variable set from it. vLLM looks for the same.
 */
export function readsParts(program: Template["parsed"]): boolean {
  const names = new Set(["content"]);
  return nodesOf(program).some((node) => {
    if (node.type === "Set" && isContent(node.value, names)) {
      const assigned = asNode(node.assignee);
      if (assigned?.type === "Identifier") names.add(String(assigned.value));
    }
    return node.type === "For" && isContent(node.iterable, names);
  });
}

type SyntaxNode = { readonly type: string } & Readonly<Record<string, unknown>>;

function isContent(value: unknown, names: ReadonlySet<string>): boolean {
  const node = asNode(value);
  switch (node?.type) {
    case "Identifier":
      return names.has(String(node.value));
    case "MemberExpression":
      return asNode(node.property)?.value === "content";
    case "FilterExpression":
      return isContent(node.operand, names);
    case "SelectExpression":
      return isContent(node.lhs, names);
    default:
      return false;
  }
}

/** A node and all below it, in the order of the text. */
function nodesOf(value: unknown): readonly SyntaxNode[] {
  if (typeof value !== "object" || value === null) return [];
  const below = (Array.isArray(value) ? value : Object.values(value)).flatMap(nodesOf);
  const node = asNode(value);
  return node === null ? below : [node, ...below];
}

function asNode(value: unknown): SyntaxNode | null {
  if (typeof value !== "object" || value === null || !("type" in value)) return null;
  return typeof value.type === "string" ? (value as SyntaxNode) : null;
}
