/**
 * @module Errors of engines in OpenAI's shape, `{"error": {message, type, param, code}}`, without which its clients show
 * "400 status code (no body)". The shapes that are known: the flat one of LMDeploy and of vLLM up to 0.10, FastAPI's
 * `detail`, the `error_code` of LMDeploy's proxy, a text under `error`, and plain text.
 */
import type { Endpoint, ForwardedAnswer } from "../../../core/endpoint.ts";

interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | number | null;
}

/** Of an error that is read here: longer ones are passed on as they are. */
const mostBytes = 64 * 1024;

/** The endpoint, with the errors of its answers in OpenAI's shape; all else is passed through unread. */
export function withOpenAiErrors(endpoint: Endpoint): Endpoint {
  return {
    model: endpoint.model,
    capabilities: endpoint.capabilities,
    health: (signal) => endpoint.health(signal),
    snapshot: (signal) => endpoint.snapshot(signal),
    forward: async (request, signal) => {
      const answer = await endpoint.forward(request, signal);
      return answer.status < 400 ? answer : shaped(answer);
    },
  };
}

async function shaped(answer: ForwardedAnswer): Promise<ForwardedAnswer> {
  const rest = answer.body[Symbol.asyncIterator]();
  const { pieces, isWhole } = await read(rest);
  const text = Buffer.concat(pieces).toString("utf8");
  const error = isWhole ? openAiError(answer.status, text) : null;
  if (error === null) return { ...answer, body: isWhole ? only(pieces) : chained(pieces, rest) };
  const body = Buffer.from(JSON.stringify({ error }));
  const { "content-encoding": _encoding, "transfer-encoding": _chunks, ...headers } = answer.headers;
  return {
    status: answer.status,
    headers: { ...headers, "content-type": "application/json", "content-length": String(body.length) },
    body: only([body]),
  };
}

/** null where the text has OpenAI's shape already, or Anthropic's, which has an `error` too. */
export function openAiError(status: number, text: string): OpenAiError | null {
  const found = parsed(text);
  if (typeof found !== "object" || found === null) return errorOf(status, text.trim());
  const fields = found as Readonly<Record<string, unknown>>;
  if (typeof fields.error === "object" && fields.error !== null) return null;
  const message = fields.message ?? fields.error ?? fields.detail ?? fields.text;
  return {
    ...errorOf(status, wordsOf(message)),
    ...(typeof fields.type === "string" ? { type: fields.type } : {}),
    ...(typeof fields.param === "string" ? { param: fields.param } : {}),
    code: codeOf(fields.code ?? fields.error_code) ?? status,
  };
}

function errorOf(status: number, message: string): OpenAiError {
  return {
    message: message === "" ? `The engine answered ${status} without a reason.` : message,
    type: status >= 500 ? "server_error" : "invalid_request_error",
    param: null,
    code: status,
  };
}

/** Text, or the list that FastAPI makes of a body that does not fit its schema. */
function wordsOf(message: unknown): string {
  if (typeof message === "string") return message;
  if (message === undefined || message === null) return "";
  if (!Array.isArray(message)) return JSON.stringify(message);
  return message
    .map((entry: { readonly loc?: readonly unknown[]; readonly msg?: unknown }) =>
      [(entry.loc ?? []).join("."), entry.msg ?? JSON.stringify(entry)]
        .filter((word) => word !== "")
        .join(": "),
    )
    .join("; ");
}

function codeOf(code: unknown): string | number | null {
  return typeof code === "string" || typeof code === "number" ? code : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function read(
  iterator: AsyncIterator<Uint8Array>,
): Promise<{ readonly pieces: Uint8Array[]; readonly isWhole: boolean }> {
  const pieces: Uint8Array[] = [];
  let numBytes = 0;
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return { pieces, isWhole: true };
    pieces.push(value);
    numBytes += value.length;
    if (numBytes > mostBytes) return { pieces, isWhole: false };
  }
}

async function* only(pieces: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces;
}

async function* chained(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  yield* pieces;
  try {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
