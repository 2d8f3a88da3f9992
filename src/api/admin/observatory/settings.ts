/** @module Settings of a running instance on the wire: what is in force, and how far each may go. */
import { z } from "zod";

const liveSettingsSchema = z.object({
  maxNumSeqs: z.number(),
  maxNumBatchedTokens: z.number(),
  maxModelLen: z.number(),
  maxStepMs: z.number(),
  /** KV blocks that may be in use: the rest of the pool lies idle. */
  maxNumBlocks: z.number(),
  prefixCaching: z.boolean(),
});

export const settingsStateSchema = z.object({
  /** Counts from 0; each change that was accepted adds 1. */
  revision: z.number(),
  /** `deferred`: a lower limit is in force for newcomers, and what is in use above it drains. */
  state: z.enum(["applied", "deferred"]),
  requested: liveSettingsSchema,
  effective: liveSettingsSchema,
  /** The most that each number can be raised to without a restart: what was allocated at the start. */
  ceilings: liveSettingsSchema.omit({ prefixCaching: true, maxStepMs: true }),
});
