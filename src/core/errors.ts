/** @module The catalogue of everything that can be wrong for a caller, and the one word for our own bugs. */

/** Every code that leaves the program; `docs/errors.md` has a row for each (a test keeps them in step). */
export const errorCatalogue = {
  // requests
  invalid_request: { status: 400, type: "invalid_request_error" },
  context_length_exceeded: { status: 400, type: "invalid_request_error" },
  model_not_found: { status: 404, type: "invalid_request_error" },
  not_found: { status: 404, type: "invalid_request_error" },
  method_not_allowed: { status: 405, type: "invalid_request_error" },
  unsupported_media_type: { status: 415, type: "invalid_request_error" },
  request_too_large: { status: 413, type: "invalid_request_error" },
  request_timeout: { status: 408, type: "invalid_request_error" },
  client_too_slow: { status: 400, type: "invalid_request_error" },
  overloaded: { status: 503, type: "server_error" },
  not_ready: { status: 503, type: "server_error" },
  endpoint_unreachable: { status: 502, type: "server_error" },
  logits_not_finite: { status: 500, type: "server_error" },
  engine_failed: { status: 500, type: "server_error" },
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

/** The caller's problem: what is wrong (with both numbers), and in `hint` the smallest change that helps. */
export class PagodaError extends Error {
  override readonly name = "PagodaError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** The request field or flag that is wrong, if one is. */
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

/** Our bug, not the caller's: always on. */
export function invariant(condition: unknown, message: () => string): asserts condition {
  if (!condition) throw new Error(`invariant violated: ${message()}`);
}
