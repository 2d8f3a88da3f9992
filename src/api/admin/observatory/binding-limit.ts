/** @module What keeps the next token, or the next user, from coming sooner: its names, shares and remedies on the wire. */
import { z } from "zod";
import { bindingLimits } from "../../../core/observation/binding-limit.ts";

/** `unknown`: an engine of another program that does not report it. */
const limitNameSchema = z.enum([...bindingLimits, "router_queue", "idle", "unknown"]);
export const limitNames = limitNameSchema.options;
export type LimitName = z.infer<typeof limitNameSchema>;

export const bindingLimitSchema = z.object({
  /** What bound most of the time that was looked at. */
  limit: limitNameSchema,
  /** Seconds looked at: the last minute, or the time since the start if that is less. */
  windowSeconds: z.number(),
  /** Shares of this time, 0 to 1, largest first; together 1. Limits that never bound are left out. */
  shares: z.array(z.object({ limit: limitNameSchema, share: z.number() })),
  /** A sentence for people. */
  sentence: z.string(),
  /** What would relieve it; null where no setting would. */
  relief: z
    .object({
      /** As a command line has it, such as `--max-num-seqs 40`. */
      flag: z.string(),
      /** The name of the setting in `PATCH /admin/settings`, where it can be changed while running as far as this. */
      setting: z.string().nullable(),
      /** Bytes that it needs more; null where it is not a question of bytes. */
      bytes: z.number().nullable(),
      /** Milliseconds that a step gets longer; null where it is not a question of time. */
      stepMs: z.number().nullable(),
    })
    .nullable(),
});
export type BindingLimitReport = z.infer<typeof bindingLimitSchema>;
