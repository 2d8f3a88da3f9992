/** @module Why the engine ends requests that did nothing wrong. */
import { PagodaError } from "../core/errors.ts";

export function shuttingDown(): PagodaError {
  return new PagodaError("not_ready", "The server is shutting down.", {
    hint: "Send the request again to a running server.",
  });
}

export function asleep(): PagodaError {
  return new PagodaError("not_ready", "The model is asleep.", {
    hint: "Wake it with POST /wake_up, then send the request again.",
  });
}

export function engineFailed(why: string, cause?: unknown): PagodaError {
  return new PagodaError("engine_failed", `The engine has stopped: ${withoutStop(why)}.`, {
    hint: "Restart the server; its log has the details.",
    cause,
  });
}

/** A reason that is a sentence of its own, as part of another one. */
function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
