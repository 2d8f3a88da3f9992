/** @module Asks a running server what it does, and changes its settings. */
import {
  type SettingsAnswer,
  type Snapshot,
  settingsAnswerSchema,
  snapshotSchema,
} from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";

export const defaultServerUrl = "http://127.0.0.1:8000";

export interface ServerAddress {
  readonly url: string;
  readonly apiKey?: string;
}

export interface AdminRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body: object | null;
}

/** Throws the server's own refusal, or `endpoint_unreachable`. */
export async function askSettings(request: AdminRequest, address: ServerAddress): Promise<SettingsAnswer> {
  const { answer, base, status } = await askServer(request, address);
  const parsed = settingsAnswerSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw refusalIn(answer, base, status, "settings that change while it runs");
}

/** Throws as `askSettings` does. */
export async function askSnapshot(address: ServerAddress): Promise<Snapshot> {
  const request = { method: "GET", path: "/admin/snapshot", body: null } as const;
  const { answer, base, status } = await askServer(request, address);
  const parsed = snapshotSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw refusalIn(answer, base, status, "snapshots");
}

/** The JSON of an answer of any status; null where it is none. */
export async function askServer(
  { method, path, body }: AdminRequest,
  { url, apiKey }: ServerAddress,
): Promise<{ readonly answer: unknown; readonly base: URL; readonly status: number }> {
  const base = URL.parse(url);
  if (base === null)
    throw new PagodaError("invalid_option", `'${url}' is not the address of a server.`, {
      hint: `Write it as ${defaultServerUrl}.`,
    });
  const headers = {
    ...(body === null ? {} : { "content-type": "application/json" }),
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  const response = await fetch(new URL(path, base), {
    method,
    headers,
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new PagodaError("endpoint_unreachable", `No server answers at ${base.origin}.`, {
      hint: "Start one with pagoda serve, or name it with --url.",
      cause,
    });
  });
  return { answer: await response.json().catch(() => null), base, status: response.status };
}

/** The server's own words where it sent any. */
function refusalIn(answer: unknown, base: URL, status: number, wanted: string): PagodaError {
  const error = (answer as { readonly error?: { readonly message?: string; readonly hint?: string } } | null)
    ?.error;
  if (error?.message === undefined)
    return new PagodaError(
      "endpoint_unreachable",
      `The server at ${base.origin} has no ${wanted}: it answers ${status}.`,
      { hint: "Name a server of this program with --url." },
    );
  return new PagodaError("invalid_option", error.message, { hint: error.hint ?? "Its log has the details." });
}
