/**
 * @module Log-probabilities on the wire: chat's shape, completions' shape, and vLLM's prompt_logprobs.
 *
 * Written as pieces of JSON text, never as objects: 8,192 positions with 64 alternatives are half a million numbers, and an
 * answer must not hold them twice.
 */
import type { PositionLogprobs, TokenLogprob } from "../core/generation.ts";
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

/**
 * The same in a completion, whose alternatives are keyed by it: a token that is only a part of a character
 * is named by its bytes, as OpenAI did, for U+FFFD would be the name of many.
 */
function completionTokenName(naming: TokenNaming, tokenId: number): string {
  if (naming.asTokenIds) return tokenName(naming, tokenId);
  const { text, bytes } = naming.tokens.tokenPiece(tokenId);
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes)) return text;
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}

/** Code points, in which Python's clients and vLLM count. */
function textLength(tokens: TokenText, tokenId: number): number {
  return [...tokens.tokenPiece(tokenId).text].length;
}

/** A JSON array, an item a piece. */
function* arrayPieces<T>(items: readonly T[], json: (item: T, i: number) => string): Generator<string> {
  yield "[";
  for (const [i, item] of items.entries()) yield i === 0 ? json(item, i) : `,${json(item, i)}`;
  yield "]";
}

/** `logprobs` of a chat choice or chunk: `{"content":[{token, logprob, bytes, top_logprobs}]}`. */
export function* chatLogprobsPieces(
  naming: TokenNaming,
  positions: readonly PositionLogprobs[],
): Generator<string> {
  yield '{"content":';
  yield* logprobEntriesPieces(naming, positions);
  yield "}";
}

/** `[{token, logprob, bytes, top_logprobs}]`. */
export function* logprobEntriesPieces(
  naming: TokenNaming,
  positions: readonly PositionLogprobs[],
): Generator<string> {
  const fields = ({ tokenId, logprob }: TokenLogprob): string => {
    const { bytes } = naming.tokens.tokenPiece(tokenId);
    return `"token":${JSON.stringify(tokenName(naming, tokenId))},"logprob":${finite(logprob)},"bytes":[${bytes.join()}]`;
  };
  yield* arrayPieces(
    positions,
    (position) =>
      `{${fields(position)},"top_logprobs":[${position.top.map((token) => `{${fields(token)}}`).join()}]}`,
  );
}

/** Tokens with what is known of each: null where nothing comes before it, as for the first of a prompt. */
export interface ScoredTokens {
  readonly tokenIds: readonly number[];
  readonly positions: readonly (PositionLogprobs | null)[];
}

/**
 * `logprobs` of a completion: four parallel arrays. Offsets count code points of the token texts; the first token is at
 * `textOffset`.
 */
export function* completionLogprobsPieces(
  naming: TokenNaming,
  { tokenIds, positions }: ScoredTokens,
  textOffset: number,
): Generator<string> {
  let offset = textOffset;
  yield '{"text_offset":';
  yield* arrayPieces(tokenIds, (tokenId) => {
    const start = offset;
    offset += textLength(naming.tokens, tokenId);
    return String(start);
  });
  yield ',"token_logprobs":';
  yield* arrayPieces(positions, (position) =>
    position === null ? "null" : String(finite(position.logprob)),
  );
  yield ',"tokens":';
  yield* arrayPieces(tokenIds, (tokenId) => JSON.stringify(completionTokenName(naming, tokenId)));
  yield ',"top_logprobs":';
  yield* arrayPieces(positions, (position) => (position === null ? "null" : topLogprobs(naming, position)));
  yield "}";
}

/** The token itself first, then the likeliest ones: it is reported even where it is not among them. */
function topLogprobs(naming: TokenNaming, position: PositionLogprobs): string {
  const byName = new Map<string, number>();
  for (const { tokenId, logprob } of [position, ...position.top]) {
    const name = completionTokenName(naming, tokenId);
    // Different tokens may have the same text: the likeliest one stands for it.
    byName.set(name, Math.max(logprob, byName.get(name) ?? Number.NEGATIVE_INFINITY));
  }
  return `{${[...byName].map(([name, logprob]) => `${JSON.stringify(name)}:${finite(logprob)}`).join()}}`;
}

/** Where the token after these begins. */
export function textEnd(tokens: TokenText, tokenIds: readonly number[], textOffset: number): number {
  return tokenIds.reduce((end, tokenId) => end + textLength(tokens, tokenId), textOffset);
}

/** vLLM's `prompt_logprobs`: one entry per prompt token, keyed by token id. */
export function* promptLogprobsPieces(
  tokens: TokenText,
  positions: readonly (PositionLogprobs | null)[],
): Generator<string> {
  const entry = ({ tokenId, logprob, rank }: TokenLogprob): string =>
    `"${tokenId}":{"logprob":${finite(logprob)},"rank":${rank},"decoded_token":${JSON.stringify(tokens.tokenPiece(tokenId).text)}}`;
  yield* arrayPieces(positions, (position) => {
    if (position === null) return "null";
    const others = position.top.filter(({ tokenId }) => tokenId !== position.tokenId);
    return `{${[position, ...others].map(entry).join()}}`;
  });
}

/** The whole of it at once: for the few tokens of a streamed chunk. */
export function joined(pieces: Iterable<string>): string {
  return [...pieces].join("");
}
