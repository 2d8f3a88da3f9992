/** @module What the router has to know of a request's body: read once, so that its JSON need not be kept while it waits. */
import type { ForwardedRequest } from "../../../../core/endpoint.ts";
import { pieceChain } from "./prompt-pieces.ts";
import { promptText } from "./prompt-text.ts";

export interface RoutedPrompt {
  readonly chain: Int32Array;
  /** Lower goes first; 0 where the body states none. */
  readonly priority: number;
  readonly wantsStream: boolean;
}

export function routedPrompt({ body, json, caller }: ForwardedRequest): RoutedPrompt {
  const value = json === undefined ? jsonOf(body) : json;
  const { priority, stream } = (typeof value === "object" && value !== null ? value : {}) as {
    readonly priority?: unknown;
    readonly stream?: unknown;
  };
  return {
    chain: pieceChain([caller?.cacheSalt ?? "", ...promptText(value)]),
    priority: typeof priority === "number" && Number.isFinite(priority) ? priority : 0,
    wantsStream: stream === true,
  };
}

/** The body as JSON; null where it is none. What is wrong with it is for the instance to say. */
function jsonOf(body: Uint8Array | null): unknown {
  if (body === null || body.length === 0) return null;
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch {
    return null;
  }
}
