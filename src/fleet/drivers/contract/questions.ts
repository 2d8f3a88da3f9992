/** @module Questions to an instance on this machine, and what it means when it does not answer. */
import { PagodaError } from "../../../core/errors.ts";

/** Instances listen on the loopback interface only: their development routes and their ports are nobody else's. */
export const loopback = "127.0.0.1";

/** The text of an answer of 200; null for any other. @throws PagodaError `endpoint_unreachable` where none comes. */
export async function answered(
  port: number,
  path: string,
  signal: AbortSignal,
  apiKey?: string,
): Promise<string | null> {
  const { status, text } = await exchange(port, path, { headers: keyHeader(apiKey), signal });
  return status === 200 ? text : null;
}

/** Asks for an action. @throws PagodaError `endpoint_unreachable` where the answer is not of the 200s. */
export async function act(port: number, path: string, signal: AbortSignal, apiKey?: string): Promise<string> {
  const headers = { "content-type": "application/json", ...keyHeader(apiKey) };
  const { status, text } = await exchange(port, path, { method: "POST", headers, signal });
  if (status >= 200 && status < 300) return text;
  throw new PagodaError(
    "endpoint_unreachable",
    `The instance on port ${port} answered ${path} with ${status}.`,
    {
      hint: `Look at its log; its answer was "${text.slice(0, 200)}".`,
    },
  );
}

function keyHeader(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
}

/** A question or an action that may be asked twice; an engine may close an idle connection at the moment it is used again. */
async function exchange(
  port: number,
  path: string,
  request: RequestInit,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    return await asked(port, path, request).catch((thrown) => {
      if (!isClosed(thrown)) throw thrown;
      return asked(port, path, request);
    });
  } catch (cause) {
    throw new PagodaError(
      "endpoint_unreachable",
      `The instance on port ${port} did not answer ${path}: ${(causeOf(cause) ?? String(cause)).replace(/\.$/, "")}.`,
      {
        hint: "Check that it runs, and retry.",
        cause,
      },
    );
  }
}

async function asked(port: number, path: string, request: RequestInit) {
  const answer = await fetch(`http://${loopback}:${port}${path}`, request);
  return { status: answer.status, text: await answer.text() };
}

const isClosed = (thrown: unknown): boolean =>
  /other side closed|ECONNRESET|EPIPE/.test(causeOf(thrown) ?? "");

function causeOf(thrown: unknown): string | null {
  return thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : null;
}
