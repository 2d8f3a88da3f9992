/** @module What a trial of faults is, and the requests that they share. */
import { request } from "node:http";
import type { Owner } from "../pagoda-process.ts";

export interface FaultOutcome {
  readonly passed: boolean;
  /** What clients and the process showed, in one sentence with its counts. */
  readonly seen: string;
}

/** `times`: how often the fault is made. Rejects where the server does not even start. */
export type FaultTrial = (owner: Owner, times: number) => Promise<FaultOutcome>;

export interface StreamEnd {
  readonly text: string;
  /** null where the connection broke. */
  readonly finishReason: string | null;
  /** Of an error event; null where none came. */
  readonly errorCode: string | null;
  readonly hasDone: boolean;
}

/** A streamed completion, read to its end, however it ends. `onFirst`: the first event has come. */
export function streamed(
  url: string,
  body: object,
  onFirst: () => void = () => undefined,
): Promise<StreamEnd> {
  const { promise, resolve } = Promise.withResolvers<StreamEnd>();
  let received = "";
  const ended = (): void => {
    onFirst();
    resolve(endOf(received));
  };
  const sent = request(
    `${url}/v1/completions`,
    { method: "POST", headers: { "content-type": "application/json" }, agent: false },
    (response) => {
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        if (received === "") onFirst();
        received += part;
      });
      response.on("error", ended);
      response.on("close", ended);
    },
  );
  sent.on("error", ended);
  sent.end(JSON.stringify({ stream: true, temperature: 0, ignore_eos: true, ...body }));
  return promise;
}

interface StreamEvent {
  readonly choices?: readonly { readonly text?: string; readonly finish_reason?: string | null }[];
  readonly error?: { readonly code?: string };
}

function endOf(received: string): StreamEnd {
  let text = "";
  let finishReason: string | null = null;
  let errorCode: string | null = null;
  for (const line of received.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    const { choices: [choice] = [], error } = JSON.parse(line.slice("data: ".length)) as StreamEvent;
    text += choice?.text ?? "";
    finishReason = choice?.finish_reason ?? finishReason;
    errorCode = error?.code ?? errorCode;
  }
  return { text, finishReason, errorCode, hasDone: received.includes("data: [DONE]") };
}

/** Starts `count` streams; resolves when each has its first event or has ended. */
export async function runningStreams(
  url: string,
  count: number,
  body: (index: number) => object,
): Promise<Promise<StreamEnd>[]> {
  const begun = Array.from({ length: count }, (_, index) => {
    const { promise: first, resolve } = Promise.withResolvers<void>();
    return { first, end: streamed(url, body(index), resolve) };
  });
  await Promise.all(begun.map(({ first }) => first));
  return begun.map(({ end }) => end);
}
