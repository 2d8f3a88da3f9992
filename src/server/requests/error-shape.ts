/** @module Routes of other protocols answer errors in their own shape; a route without one has OpenAI's. */
import type { PagodaError } from "../../core/errors.ts";

export type ErrorShape = (error: PagodaError, requestId: string) => object;

declare module "fastify" {
  interface FastifyContextConfig {
    errorShape?: ErrorShape;
  }
}
