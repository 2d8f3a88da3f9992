/** @module Who sends a request: whose share it counts against, its part of the prefix cache, and its limits. */
import { PagodaError } from "../../core/errors.ts";
import { type ApiKey, digestOf } from "./api-keys.ts";
import { MinuteBudget } from "./minute-budget.ts";

export interface Caller {
  /** Tells callers apart without their keys; empty where there are no keys. */
  readonly id: string;
  /** Prompts share prefixes only with those of the same salt; null: with all that have none. */
  readonly cacheSalt: string | null;
  /** A router that starts this instance asks for streams which can be resumed, by the header's value; absent: nobody does. */
  readonly resume?: string;
  /** Whether `useTokens` has an effect. */
  readonly hasTokenLimit: boolean;
  /** Throws `rate_limit_exceeded`, after `retryAfter` has been told the seconds to wait. */
  beginRequest(retryAfter: (seconds: number) => void): void;
  /** Tokens of a prompt, or of an answer. */
  useTokens(numTokens: number): void;
}

/** Without a key, or the administrator. */
export const openCaller: Caller = {
  id: "",
  cacheSalt: null,
  hasTokenLimit: false,
  beginRequest: () => undefined,
  useTokens: () => undefined,
};

const idDigits = 16;

/** The owner of a key; `isIsolated`: no other caller's prompts show in its times and counts. */
export function limitedCaller(key: ApiKey, isIsolated: boolean, clock: () => number): Caller {
  const digest = digestOf(`caller ${key.key}`).toString("hex");
  const requests = key.requestsPerMinute === null ? null : new MinuteBudget(key.requestsPerMinute, clock);
  const tokens = key.tokensPerMinute === null ? null : new MinuteBudget(key.tokensPerMinute, clock);
  return {
    id: digest.slice(0, idDigits),
    cacheSalt: isIsolated ? digest : null,
    hasTokenLimit: tokens !== null,
    beginRequest: (retryAfter) => {
      requireWithin(requests, "requests", retryAfter);
      requireWithin(tokens, "tokens", retryAfter);
      requests?.use(1);
    },
    useTokens: (numTokens) => tokens?.use(numTokens),
  };
}

function requireWithin(
  budget: MinuteBudget | null,
  what: string,
  retryAfter: (seconds: number) => void,
): void {
  const seconds = Math.ceil((budget?.waitMs(1) ?? 0) / 1000);
  if (budget === null || seconds === 0) return;
  retryAfter(seconds);
  throw new PagodaError(
    "rate_limit_exceeded",
    `This key has used its ${budget.perMinute} ${what} a minute.`,
    {
      hint: `Retry in ${seconds} s.`,
    },
  );
}
