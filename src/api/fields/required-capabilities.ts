/** @module Whether an endpoint can do what a request asks of it. */
import type { Capabilities } from "../../core/capabilities.ts";
import { PagodaError } from "../../core/errors.ts";
import { refuseMissingFeatures } from "./feature-fields.ts";
import { requireObject } from "./parse-body.ts";

export interface AskedOfEndpoint {
  readonly path: string;
  readonly body: unknown;
  /** For the message. */
  readonly model: string;
}

/** Throws `not_found` for a path that it does not answer, and `invalid_request` for a field that it cannot honour. */
export function requireCapability(capabilities: Capabilities, asked: AskedOfEndpoint): void {
  if (!capabilities.routes.has(asked.path))
    throw new PagodaError("not_found", `The model '${asked.model}' does not answer ${asked.path}.`, {
      hint: `It answers ${[...capabilities.routes].join(", ")}.`,
    });
  // A feature of null can be said otherwise; another engine may know the field.
  refuseMissingFeatures(
    requireObject(asked.body),
    (feature) => feature === null || capabilities.features.has(feature),
  );
}
