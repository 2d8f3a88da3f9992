/** @module `/nodes/*`: servers that register themselves, in the protocol of LMDeploy's proxy. */
import { z } from "zod";

const statusSchema = z.object({
  /** 1: prefill and decoding in one. */
  role: z.int().default(1),
  models: z.array(z.string().max(512)).max(64).default([]),
  unfinished: z.int().default(0),
  latency: z.array(z.number()).default([]),
  speed: z.number().nullable().default(null),
});

export type NodeStatus = z.infer<typeof statusSchema>;

/** The body of `/nodes/add`, `/nodes/remove` and `/nodes/terminate`. */
export const nodeSchema = z.object({
  url: z.string().max(2048),
  status: statusSchema.nullish(),
});

export const emptyStatus: NodeStatus = statusSchema.parse({});

export interface NodeService {
  /** Throws `invalid_request` where the address is not an http URL. */
  add(url: string, status: NodeStatus): void;
  /** Whether there was one. */
  remove(url: string): boolean;
  nodes(): Readonly<Record<string, NodeStatus>>;
}
