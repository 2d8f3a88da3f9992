/** @module Errors on the wire, in OpenAI's shape: `{"error": {message, type, param, code}}`. */
import { errorCatalogue, isOutOfDescriptors, PagodaError } from "../core/errors.ts";
import { shownText } from "./shown-text.ts";

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** Characters. Rooms below this one cannot know which words are a client's; none of our own messages is as long. */
const longestMessage = 1000;

/** The message of an error that is our bug: its details are in the log only. */
const internalMessage = "Something went wrong inside the server.";
const internalHint =
  "See the server's log for the details, and report them with the X-Request-Id of this answer.";

/** Any thrown value as a catalogued error. A value that is not one, and is not a limit of the system, is our bug: the caller learns no details. */
export function toPagodaError(thrown: unknown): PagodaError {
  if (thrown instanceof PagodaError) return thrown;
  if (isOutOfDescriptors(thrown))
    return new PagodaError(
      "too_many_open_files",
      "The process has as many open files and connections as it may have.",
      {
        hint: "Raise the limit of open files (ulimit -n, LimitNOFILE of systemd), or close connections.",
        cause: thrown,
      },
    );
  return new PagodaError("internal", internalMessage, { hint: internalHint, cause: thrown });
}

/** HTTP status of the error's code. */
export function errorStatus(error: PagodaError): number {
  return errorCatalogue[error.code].status;
}

/** The response body; the hint, where there is one, is the message's last sentence. */
export function errorBody(error: PagodaError): ErrorBody {
  return {
    error: {
      message: shownText(messageWithHint(error), longestMessage),
      type: errorCatalogue[error.code].type,
      param: error.param === undefined ? null : shownText(error.param),
      code: error.code,
    },
  };
}

/** One line for people: what is wrong, then what to change. */
export function messageWithHint(error: PagodaError): string {
  if (error.hint === undefined) return error.message;
  return `${error.message.replace(/[.\s]+$/, "")}. ${error.hint}`;
}
