/** @module `GET /admin/tuning`: the last runs of `pagoda tune` on this machine, as far as a plot and a table need them. */
import { z } from "zod";

const pointSchema = z.object({
  /** Flags that differ from the present setting; empty for the present one. */
  flags: z.string(),
  kind: z.enum(["simulated", "trial", "present", "winner"]),
  x: z.number(),
  y: z.number(),
});

export const tuningRunSchema = z.object({
  createdAt: z.string(),
  engine: z.string(),
  model: z.string(),
  /** To repeat the run. */
  command: z.string(),
  goalText: z.string(),
  /** A whole sentence. */
  verdict: z.string(),
  serveCommand: z.string(),
  /** Names of the two figures of the plot. */
  metrics: z.tuple([z.string(), z.string()]),
  /** Limits of the goal on these figures; null: none. */
  limits: z.tuple([z.number().nullable(), z.number().nullable()]),
  points: z.array(pointSchema),
  /** Points that no other one beats in both figures, by the first figure. */
  front: z.array(z.object({ x: z.number(), y: z.number() })),
});
export type TuningRun = z.infer<typeof tuningRunSchema>;

export const tuningSchema = z.object({
  schema: z.literal("pagoda.tuning-runs/1"),
  /** The newest first, at most 20. */
  runs: z.array(tuningRunSchema),
});
export type TuningAnswer = z.infer<typeof tuningSchema>;
