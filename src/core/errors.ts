/** @module The catalogue of errors that a caller can meet, and `invariant` for our own bugs. */

/** Every error code that leaves the program; `docs/errors.md` has a row for each, which a test checks. */
export const errorCatalogue = {
  // requests
  invalid_request: { status: 400, type: "invalid_request_error" },
  context_length_exceeded: { status: 400, type: "invalid_request_error" },
  invalid_api_key: { status: 401, type: "invalid_request_error" },
  admin_key_required: { status: 403, type: "invalid_request_error" },
  host_not_allowed: { status: 403, type: "invalid_request_error" },
  model_not_found: { status: 404, type: "invalid_request_error" },
  not_found: { status: 404, type: "invalid_request_error" },
  method_not_allowed: { status: 405, type: "invalid_request_error" },
  unsupported_media_type: { status: 415, type: "invalid_request_error" },
  request_too_large: { status: 413, type: "invalid_request_error" },
  request_timeout: { status: 408, type: "invalid_request_error" },
  client_too_slow: { status: 400, type: "invalid_request_error" },
  settings_beyond_allocation: { status: 400, type: "invalid_request_error" },
  settings_conflict: { status: 409, type: "invalid_request_error" },
  settings_stale: { status: 409, type: "invalid_request_error" },
  rate_limit_exceeded: { status: 429, type: "invalid_request_error" },
  queue_full: { status: 429, type: "server_error" },
  overloaded: { status: 503, type: "server_error" },
  not_ready: { status: 503, type: "server_error" },
  endpoint_unreachable: { status: 502, type: "server_error" },
  logits_not_finite: { status: 500, type: "server_error" },
  engine_failed: { status: 500, type: "server_error" },
  too_many_open_files: { status: 503, type: "server_error" },
  internal: { status: 500, type: "server_error" },
  // start-up
  invalid_option: { status: 400, type: "invalid_request_error" },
  memory_too_small: { status: 400, type: "invalid_request_error" },
  model_invalid: { status: 400, type: "invalid_request_error" },
  model_unsupported: { status: 400, type: "invalid_request_error" },
  model_unavailable: { status: 503, type: "server_error" },
  download_failed: { status: 503, type: "server_error" },
  port_unavailable: { status: 500, type: "server_error" },
  // planner
  plan_invalid: { status: 400, type: "invalid_request_error" },
} as const;

export type ErrorCode = keyof typeof errorCatalogue;

/** A failure that the caller can meet: the message says what is wrong, the hint what to change (docs/error-style.md). */
export class PagodaError extends Error {
  override readonly name = "PagodaError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** The request field or flag that is wrong, if there is one. */
  readonly param: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: { hint?: string; param?: string; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.param = details.param;
  }
}

/** Whether an error of the operating system, or of a worker's start, says that no file descriptor is left. */
export function isOutOfDescriptors(thrown: unknown): boolean {
  return thrown instanceof Error && /\b(?:EMFILE|ENFILE)\b|too many open files/.test(thrown.message);
}

/** Throws if the condition does not hold, which is a bug of Pagoda; checked in production too. */
export function invariant(condition: unknown, message: () => string): asserts condition {
  if (!condition) throw new Error(`invariant violated: ${message()}`);
}
