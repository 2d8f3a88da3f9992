/** @module Log-probabilities on the wire: chat's shape, completions' shape, and vLLM's prompt_logprobs. */
import type { PositionLogprobs } from "../core/generation.ts";
import type { TokenText } from "./exchange.ts";

/** JSON has no −Infinity; vLLM's floor. */
const lowestLogprob = -9999;
const finite = (logprob: number): number => Math.max(logprob, lowestLogprob);

/** How a token is written: its text, or `token_id:123` (`return_tokens_as_token_ids`). */
export interface TokenNaming {
  readonly tokens: TokenText;
  readonly asTokenIds: boolean;
}

function tokenName(naming: TokenNaming, tokenId: number): string {
  return naming.asTokenIds ? `token_id:${tokenId}` : naming.tokens.tokenPiece(tokenId).text;
}

interface ChatTokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

export interface ChatLogprobs {
  readonly content: readonly (ChatTokenLogprob & { readonly top_logprobs: readonly ChatTokenLogprob[] })[];
}

/** `logprobs` of a chat choice or chunk. */
export function chatLogprobs(naming: TokenNaming, positions: readonly PositionLogprobs[]): ChatLogprobs {
  const entry = ({ tokenId, logprob }: { tokenId: number; logprob: number }): ChatTokenLogprob => ({
    token: tokenName(naming, tokenId),
    logprob: finite(logprob),
    bytes: [...naming.tokens.tokenPiece(tokenId).bytes],
  });
  return { content: positions.map((p) => ({ ...entry(p), top_logprobs: p.top.map(entry) })) };
}

export interface CompletionLogprobs {
  readonly text_offset: number[];
  readonly token_logprobs: (number | null)[];
  readonly tokens: string[];
  readonly top_logprobs: (Record<string, number> | null)[];
}

/**
 * Grows the four parallel arrays of a completion's `logprobs` and knows the text offset reached.
 * Offsets count UTF-16 units of the token texts, from the start of the choice's text.
 */
export class CompletionLogprobsBuilder {
  private readonly naming: TokenNaming;
  private textOffset: number;

  constructor(naming: TokenNaming, textOffset = 0) {
    this.naming = naming;
    this.textOffset = textOffset;
  }

  /** `positions[i]` is null where nothing comes before the token (the first of a prompt). */
  take(tokenIds: readonly number[], positions: readonly (PositionLogprobs | null)[]): CompletionLogprobs {
    const taken: CompletionLogprobs = { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] };
    tokenIds.forEach((tokenId, i) => {
      const position = positions[i] ?? null;
      taken.text_offset.push(this.textOffset);
      taken.tokens.push(tokenName(this.naming, tokenId));
      taken.token_logprobs.push(position === null ? null : finite(position.logprob));
      taken.top_logprobs.push(position === null ? null : this.topLogprobs(position));
      this.textOffset += this.naming.tokens.tokenPiece(tokenId).text.length;
    });
    return taken;
  }

  /** The token itself first, then the likeliest ones: the token is reported even when it is not among them. */
  private topLogprobs(position: PositionLogprobs): Record<string, number> {
    const top: Record<string, number> = {};
    top[tokenName(this.naming, position.tokenId)] = finite(position.logprob);
    for (const { tokenId, logprob } of position.top) top[tokenName(this.naming, tokenId)] ??= finite(logprob);
    return top;
  }
}

export function appendLogprobs(target: CompletionLogprobs, more: CompletionLogprobs): void {
  for (const offset of more.text_offset) target.text_offset.push(offset);
  for (const logprob of more.token_logprobs) target.token_logprobs.push(logprob);
  for (const token of more.tokens) target.tokens.push(token);
  for (const top of more.top_logprobs) target.top_logprobs.push(top);
}

interface PromptTokenLogprob {
  readonly logprob: number;
  readonly rank: number;
  readonly decoded_token: string;
}

export type PromptLogprobs = (Record<string, PromptTokenLogprob> | null)[];

/** vLLM's `prompt_logprobs`: one entry per prompt token, keyed by token id. */
export function promptLogprobs(
  tokens: TokenText,
  positions: readonly (PositionLogprobs | null)[],
): PromptLogprobs {
  const entry = (token: { tokenId: number; logprob: number; rank: number }): [string, PromptTokenLogprob] => [
    String(token.tokenId),
    {
      logprob: finite(token.logprob),
      rank: token.rank,
      decoded_token: tokens.tokenPiece(token.tokenId).text,
    },
  ];
  return positions.map((p) => (p === null ? null : Object.fromEntries([entry(p), ...p.top.map(entry)])));
}
