/** @module A streaming client of `/v1/completions` that measures times and uses little processor time itself. */
import { Agent, request } from "node:http";
import { PagodaError } from "../../core/errors.ts";

export interface CompletionTimes {
  readonly ttftMs: number;
  readonly totalMs: number;
  /** Milliseconds between chunks with text. */
  readonly interChunkMs: readonly number[];
  readonly numOutputTokens: number;
  /** As reported by the server; null if it reports none. */
  readonly numCachedTokens: number | null;
  readonly text: string;
}

export interface CompletionTarget {
  readonly url: string;
  readonly model: string;
}

interface StreamChunk {
  readonly choices?: readonly { readonly text?: string; readonly finish_reason?: string | null }[];
  readonly usage?: {
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  } | null;
  readonly timings?: { readonly cache_n?: number };
  readonly error?: { readonly message: string };
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Greedy completion of exactly `numOutputTokens` tokens. Throws PagodaError if the server refuses or ends the stream early. */
export function timeCompletion(
  target: CompletionTarget,
  prompt: readonly number[],
  numOutputTokens: number,
): Promise<CompletionTimes> {
  const body = JSON.stringify({
    model: target.model,
    prompt,
    max_tokens: numOutputTokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  return post(target, body, performance.now());
}

/**
 * A server may close a kept-alive connection just as we reuse it (llama-server does so after each stream). It has not read such
 * a request, so the request is sent again on a new connection. Times count from the first attempt.
 */
function post(target: CompletionTarget, body: string, startedMs: number): Promise<CompletionTimes> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${target.url}/v1/completions`,
      {
        method: "POST",
        agent,
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        const recorder = new StreamRecorder(startedMs);
        response.setEncoding("utf8");
        response.on("data", (piece: string) => recorder.push(piece));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200 && recorder.failure === null) resolve(recorder.finish());
          else
            reject(
              new PagodaError(
                "internal",
                `${target.url} answered with status ${response.statusCode}: ${recorder.failure ?? recorder.rest.slice(0, 300)}.`,
                { hint: "Look for the cause in the server's own output." },
              ),
            );
        });
      },
    );
    call.on("error", (error) => {
      if (call.reusedSocket && "code" in error && error.code === "ECONNRESET")
        resolve(post(target, body, startedMs));
      else reject(error);
    });
    call.end(body);
  });
}

/** Reads server-sent events and records when text arrived. */
class StreamRecorder {
  rest = "";
  failure: string | null = null;
  #startedMs: number;
  #firstMs: number | null = null;
  #lastMs = 0;
  #gaps: number[] = [];
  #usage: StreamChunk["usage"] = null;
  #cacheN: number | null = null;
  #text = "";

  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  push(piece: string): void {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data: {")) this.#chunk(JSON.parse(line.slice(6)) as StreamChunk);
    }
  }

  #chunk(chunk: StreamChunk): void {
    if (chunk.error) this.failure = chunk.error.message;
    if (chunk.usage) this.#usage = chunk.usage;
    if (chunk.timings?.cache_n !== undefined) this.#cacheN = chunk.timings.cache_n;
    const choice = chunk.choices?.[0];
    if (choice?.text === undefined) return;
    this.#text += choice.text;
    const nowMs = performance.now();
    if (this.#firstMs === null) this.#firstMs = nowMs;
    else this.#gaps.push(nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  finish(): CompletionTimes {
    const endedMs = performance.now();
    return {
      ttftMs: (this.#firstMs ?? endedMs) - this.#startedMs,
      totalMs: endedMs - this.#startedMs,
      interChunkMs: this.#gaps,
      numOutputTokens: this.#usage?.completion_tokens ?? this.#gaps.length + 1,
      numCachedTokens: this.#usage?.prompt_tokens_details?.cached_tokens ?? this.#cacheN,
      text: this.#text,
    };
  }
}
