/** @module `GET /admin/traffic`: when the last requests came and how long they were. No prompt and no answer is kept. */
import { z } from "zod";

/** The figures of a request, in their order. */
export const trafficColumns = ["unixMs", "promptTokens", "cachedTokens", "outputTokens"] as const;

export const trafficSchema = z.object({
  schema: z.literal("pagoda.traffic/1"),
  columns: z.array(z.string()),
  /** Of all instances, in the order of their arrival; each has its arrival and then the other columns. */
  requests: z.array(z.array(z.number())),
});
export type TrafficAnswer = z.infer<typeof trafficSchema>;
