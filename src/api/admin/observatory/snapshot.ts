/** @module `GET /admin/snapshot`: devices, instances, latencies, the binding limit and events at one moment. */
import { z } from "zod";
import { bindingLimitSchema } from "./binding-limit.ts";
import { adminEventSchema } from "./events.ts";
import { instanceSnapshotSchema } from "./instance.ts";
import { latencyWindowSchema } from "./latency.ts";

export const deviceHolderSchema = z.object({
  kind: z.enum(["instance", "server", "foreign"]),
  /** The instance's id; for others what they are called. */
  name: z.string(),
  pid: z.number().nullable(),
  plannedBytes: z.number().nullable(),
  /** null: not measured yet. */
  heldBytes: z.number().nullable(),
});
export type DeviceHolder = z.infer<typeof deviceHolderSchema>;

export const deviceSchema = z.object({
  deviceId: z.string(),
  kind: z.enum(["cpu", "gpu"]),
  name: z.string(),
  totalBytes: z.number(),
  /** What can still be had, caches that make room included. */
  freeBytes: z.number(),
  /** Largest first; other people's processes are `foreign`, and what no process could be named for is one of them. */
  holders: z.array(deviceHolderSchema),
});
export type DeviceSnapshot = z.infer<typeof deviceSchema>;

export const snapshotSchema = z.object({
  schema: z.literal("pagoda.snapshot/1"),
  /** The `id:` of the stream's frame that holds this state: `RUN-NUMBER`, RUN being another one after each start. */
  frameId: z.string(),
  unixMs: z.number(),
  version: z.string(),
  uptimeSeconds: z.number(),
  devices: z.record(z.string(), deviceSchema),
  instances: z.record(z.string(), instanceSnapshotSchema),
  /** null: this server routes to no instances of its own. */
  router: z
    .object({
      numWaiting: z.number(),
      numRunning: z.number(),
      policy: z.string(),
      /** Relative share of each instance, by its id. */
      weights: z.record(z.string(), z.number()),
    })
    .nullable(),
  /** Of the server as a whole; the router's own queue is here alone. */
  latency: z.array(latencyWindowSchema),
  bindingLimit: bindingLimitSchema,
  /** The newest, oldest first, at most 100. */
  events: z.array(adminEventSchema),
});
export type Snapshot = z.infer<typeof snapshotSchema>;
