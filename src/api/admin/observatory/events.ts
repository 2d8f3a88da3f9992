/** @module What happened, in order: events of the snapshot and of `GET /admin/events`. */
import { z } from "zod";

const eventKinds = [
  "started",
  "ready",
  "refused",
  "preempted",
  "drained",
  "died",
  "state",
  "settings",
  "settings_effect",
] as const;

export const adminEventSchema = z.object({
  /** Counts from 1; higher is later. */
  eventId: z.number(),
  unixMs: z.number(),
  kind: z.enum(eventKinds),
  /** null: of the server as a whole. */
  instanceId: z.string().nullable(),
  /** A sentence for people. */
  message: z.string(),
  /** Who caused it, such as `admin 127.0.0.1`; null: nobody asked for it. */
  by: z.string().nullable(),
  /** Numbers that belong to it, by name. */
  details: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
});
export type AdminEvent = z.infer<typeof adminEventSchema>;
export type AdminEventKind = AdminEvent["kind"];
