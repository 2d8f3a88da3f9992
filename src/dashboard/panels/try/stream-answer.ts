/** @module One answer of the model as it comes: its tokens with their probabilities, and when each part came. */
import { send } from "../../state/request.ts";
import { sseMessages } from "../../state/sse-parser.ts";

export interface AnswerToken {
  readonly text: string;
  /** Natural logarithm; null: not reported. */
  readonly logprob: number | null;
  /** The likeliest tokens in its place, the likeliest first. */
  readonly others: readonly { readonly text: string; readonly logprob: number }[];
}

export interface Usage {
  readonly numPromptTokens: number;
  readonly numCachedTokens: number;
  readonly numOutputTokens: number;
}

/** Milliseconds since the request was sent. */
export interface StreamedAnswer {
  readonly tokens: readonly AnswerToken[];
  readonly firstTokenMs: number | null;
  readonly lastTokenMs: number | null;
  readonly usage: Usage | null;
  readonly finishReason: string | null;
}

export interface Question {
  readonly model: string;
  readonly kind: "chat" | "text";
  readonly prompt: string;
  readonly maxTokens: number;
  readonly temperature: number;
}

const numOthers = 3;
export const noAnswer: StreamedAnswer = {
  tokens: [],
  firstTokenMs: null,
  lastTokenMs: null,
  usage: null,
  finishReason: null,
};

export function promptOf({ kind, prompt }: Question): object {
  return kind === "chat" ? { messages: [{ role: "user", content: prompt }] } : { prompt };
}

function requestOf(question: Question): readonly [path: string, body: object] {
  const { kind, model, maxTokens, temperature } = question;
  const shared = {
    ...promptOf(question),
    ...{ model, temperature, max_tokens: maxTokens, stream: true, stream_options: { include_usage: true } },
  };
  return kind === "chat"
    ? ["v1/chat/completions", { ...shared, logprobs: true, top_logprobs: numOthers }]
    : ["v1/completions", { ...shared, logprobs: numOthers }];
}

/** A chunk of either endpoint, as far as it is read. */
interface Chunk {
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
    readonly finish_reason?: string | null;
    readonly logprobs?: ChatLogprobs | TextLogprobs | null;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  } | null;
  readonly error?: { readonly message: string };
}

interface ChatLogprobs {
  readonly content: readonly (Alternative & { readonly top_logprobs: readonly Alternative[] })[] | null;
}
interface Alternative {
  readonly token: string;
  readonly logprob: number;
}
interface TextLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
}

/** Tokens of a chunk; without log-probabilities its text stands for one. */
export function tokensOf(chunk: Chunk): readonly AnswerToken[] {
  return (chunk.choices ?? []).flatMap(({ text, delta, logprobs }) => {
    if (logprobs != null && "content" in logprobs && logprobs.content !== null)
      return logprobs.content.map(({ token, logprob, top_logprobs: top }) => ({
        text: token,
        logprob,
        others: top.map((each) => ({ text: each.token, logprob: each.logprob })),
      }));
    if (logprobs != null && "tokens" in logprobs)
      return logprobs.tokens.map((token, index) => ({
        text: token,
        logprob: logprobs.token_logprobs[index] ?? null,
        others: Object.entries(logprobs.top_logprobs[index] ?? {})
          .map(([each, logprob]) => ({ text: each, logprob }))
          .sort((a, b) => b.logprob - a.logprob),
      }));
    const plain = text ?? `${delta?.reasoning_content ?? ""}${delta?.content ?? ""}`;
    return plain === "" ? [] : [{ text: plain, logprob: null, others: [] }];
  });
}

const escapedBytes = /^(?:bytes:)?(?:\\x[0-9a-f]{2})+$/i;

/** Tokens that are parts of one letter (`bytes:\xe4`) become that letter, as unlikely as the unlikeliest of them. */
export function wholeLetters(tokens: readonly AnswerToken[]): readonly AnswerToken[] {
  const whole: AnswerToken[] = [];
  let bytes: number[] = [];
  let parts: AnswerToken[] = [];
  const flush = (): void => {
    if (parts.length === 0) return;
    const logprobs = parts.flatMap(({ logprob }) => (logprob === null ? [] : [logprob]));
    const logprob = logprobs.length === 0 ? null : Math.min(...logprobs);
    whole.push({ text: new TextDecoder().decode(Uint8Array.from(bytes)), logprob, others: [] });
    [bytes, parts] = [[], []];
  };
  for (const token of tokens) {
    if (escapedBytes.test(token.text)) {
      parts.push(token);
      for (const [, digits = ""] of token.text.matchAll(/\\x([0-9a-f]{2})/gi))
        bytes.push(Number.parseInt(digits, 16));
    } else {
      flush();
      whole.push(token);
    }
  }
  flush();
  return whole;
}

/** The answer with one more chunk of it, which came at `nowMs`. */
export function withChunk(answer: StreamedAnswer, chunk: Chunk, nowMs: number): StreamedAnswer {
  const tokens = tokensOf(chunk);
  const { usage } = chunk;
  return {
    tokens: tokens.length === 0 ? answer.tokens : [...answer.tokens, ...tokens],
    firstTokenMs: answer.firstTokenMs ?? (tokens.length === 0 ? null : nowMs),
    lastTokenMs: tokens.length === 0 ? answer.lastTokenMs : nowMs,
    usage:
      usage == null
        ? answer.usage
        : {
            numPromptTokens: usage.prompt_tokens,
            numCachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
            numOutputTokens: usage.completion_tokens,
          },
    finishReason: chunk.choices?.[0]?.finish_reason ?? answer.finishReason,
  };
}

/** Tokens a second after the first one; null until there are two. */
export function speedOf({ tokens, usage, firstTokenMs, lastTokenMs }: StreamedAnswer): number | null {
  const numTokens = usage?.numOutputTokens ?? tokens.length;
  if (firstTokenMs === null || lastTokenMs === null || numTokens < 2 || lastTokenMs <= firstTokenMs)
    return null;
  return (1000 * (numTokens - 1)) / (lastTokenMs - firstTokenMs);
}

/** Calls `onAnswer` for each chunk. Throws what went wrong as an Error whose message is for people. */
export async function streamAnswer(
  question: Question,
  signal: AbortSignal,
  onAnswer: (answer: StreamedAnswer) => void,
): Promise<void> {
  const [path, body] = requestOf(question);
  const sentMs = performance.now();
  const response = await send(path, { method: "POST", body, signal });
  if (!response.ok || response.body === null) throw new Error(await messageIn(response));
  let answer = noAnswer;
  for await (const { data } of sseMessages(response.body)) {
    if (data === "[DONE]") continue;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) throw new Error(chunk.error.message);
    answer = withChunk(answer, chunk, performance.now() - sentMs);
    onAnswer(answer);
  }
}

async function messageIn(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { message: string; hint?: string } };
    return `${error.message} ${error.hint ?? ""}`.trim();
  } catch {
    return `${response.status} ${text}`;
  }
}
