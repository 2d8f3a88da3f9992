/** @module Requests to the server that the page came from, with the key that the visitor gave. */
import { Store } from "./store.ts";

/** Lives as long as the tab. */
const keyItem = "pagoda.key";

function storedKey(): string | null {
  try {
    return sessionStorage.getItem(keyItem);
  } catch {
    // A browser that keeps nothing of this page.
    return null;
  }
}

export const keyStore = new Store<string | null>(storedKey());

export function setKey(key: string): void {
  try {
    sessionStorage.setItem(keyItem, key);
  } catch {
    // As above: the key is then known until the page is loaded again.
  }
  keyStore.set(key);
}

export function forgetKey(): void {
  try {
    sessionStorage.removeItem(keyItem);
  } catch {
    // As above.
  }
  keyStore.set(null);
}

export interface Sent {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** `path` without a slash at its start: the page may be behind a proxy that serves it under a longer path. */
export function send(path: string, { method = "GET", body, headers, signal }: Sent = {}): Promise<Response> {
  return fetch(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(keyStore.value === null ? {} : { authorization: `Bearer ${keyStore.value}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
    cache: "no-store",
  });
}

/** What an error of the API says. */
export interface Refusal {
  readonly message: string;
  readonly hint: string | null;
}

export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: Refusal };

export async function ask<Value>(path: string, sent: Sent = {}): Promise<Answer<Value>> {
  try {
    const answer = await send(path, sent);
    if (answer.ok) return { ok: true, value: await answer.json() };
    return { ok: false, refusal: await refusalOf(answer) };
  } catch (thrown) {
    return { ok: false, refusal: { message: thrown instanceof Error ? thrown.message : "", hint: null } };
  }
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text);
    return { message: String(error.message), hint: typeof error.hint === "string" ? error.hint : null };
  } catch {
    return { message: `${answer.status} ${answer.statusText} ${text}`.trim(), hint: null };
  }
}
