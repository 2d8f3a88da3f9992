/** @module The fixed text of answers and of server-sent events. */
import type { PagodaError } from "../core/errors.ts";
import { errorBody } from "./error.ts";
import type { AnswerIdentity } from "./exchange.ts";

export const endOfStream = "data: [DONE]\n\n";

/** `{"id":…,"object":…,"created":…,"model":…,"system_fingerprint":…,"choices":[` */
export function bodyOpening(identity: AnswerIdentity, object: string): string {
  const head = {
    id: identity.answerId,
    object,
    created: identity.createdUnixSeconds,
    model: identity.modelName,
    system_fingerprint: identity.fingerprint,
  };
  return `${JSON.stringify(head).slice(0, -1)},"choices":[`;
}

/** The same as the beginning of an event: built once per answer, not per token. */
export function eventOpening(identity: AnswerIdentity, object: string): string {
  return `data: ${bodyOpening(identity, object)}`;
}

/** An error after the status line has gone out: the last event before `[DONE]`. */
export function errorEvent(error: PagodaError): string {
  return `data: ${JSON.stringify(errorBody(error))}\n\n${endOfStream}`;
}
