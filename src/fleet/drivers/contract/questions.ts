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

async function exchange(
  port: number,
  path: string,
  request: RequestInit,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(`http://${loopback}:${port}${path}`, request);
    return { status: answer.status, text: await answer.text() };
  } catch (cause) {
    const reason =
      cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new PagodaError(
      "endpoint_unreachable",
      `The instance on port ${port} did not answer ${path}: ${reason}.`,
      {
        hint: "Check that it runs, and retry.",
        cause,
      },
    );
  }
}
