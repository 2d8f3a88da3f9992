/** @module Questions to a running engine: as it answers itself, and as its driver passes the answer on. */
import type { Recording } from "./recording.ts";
import type { StartedEngine } from "./started-engine.ts";

export interface Question {
  readonly name: string;
  readonly path: string;
  /** Text is sent as it is; undefined: a GET. */
  readonly body?: unknown;
  readonly wants?: RegExp;
}

interface Answered {
  readonly status: number;
  readonly answer: string;
  /** The error as the driver passes it on; empty where it is none. */
  readonly shaped: string;
}

const withinMs = 120_000;

/** Asks twice: past the driver, to record what the engine says itself, and through it. */
export async function exchange(
  { url, driver, port }: StartedEngine,
  { name, path, body }: Question,
  recording: Recording,
): Promise<Answered> {
  const method = body === undefined ? "GET" : "POST";
  const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
  const headers = { "content-type": "application/json" };
  const own = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(text === null ? {} : { body: text }),
    signal: AbortSignal.timeout(withinMs),
  });
  const answer = await own.text();
  const contentType = own.headers.get("content-type") ?? "";
  const isLong = text !== null && text.length > 2000;
  recording.exchanges.push({
    name,
    method,
    path,
    body: isLong ? `${text.length} bytes` : (body ?? null),
    status: own.status,
    contentType,
    answer,
  });
  const passed = await driver
    .endpoint(port)
    .forward(
      { method, path, headers, body: text === null ? null : Buffer.from(text) },
      AbortSignal.timeout(withinMs),
    );
  const pieces: Uint8Array[] = [];
  for await (const piece of passed.body) pieces.push(piece);
  const shaped = Buffer.concat(pieces).toString("utf8");
  if (passed.status !== own.status) throw new Error(`${own.status} became ${passed.status}`);
  if (own.status < 400) return { status: own.status, answer, shaped: "" };
  const { error } = JSON.parse(shaped) as { readonly error?: Record<string, unknown> };
  if (typeof error?.message !== "string" || typeof error.type !== "string")
    throw new Error(`${own.status} is not in OpenAI's shape: ${shaped.slice(0, 300)}`);
  return { status: own.status, answer, shaped: error.message.slice(0, 160) };
}

/** How many events a stream had, and their text. */
export function streamed(text: string): string {
  const events = [...text.matchAll(/^data: (\{.*\})\r?$/gm)].map(([, json = ""]) => JSON.parse(json));
  const pieces = events.map(({ choices }) => choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? "");
  return `${events.length} events: ${JSON.stringify(pieces.join(""))}`;
}
