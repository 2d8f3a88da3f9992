/** @module `/nodes/*`: servers that register themselves, in the protocol of LMDeploy's proxy. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";

const statusSchema = z.object({
  /** 1: prefill and decoding in one. */
  role: z.int().default(1),
  models: z.array(z.string().max(512)).max(64).default([]),
  unfinished: z.int().default(0),
  latency: z.array(z.number()).default([]),
  speed: z.number().nullable().default(null),
});

export type NodeStatus = z.infer<typeof statusSchema>;

const nodeSchema = z.object({ url: z.string().max(2048), status: statusSchema.nullish() });

export interface NodeDoor {
  /** Whether a client at this address may register and remove nodes. */
  accepts(address: string): boolean;
  /** Throws `invalid_request` where the address is not an http URL. */
  add(url: string, status: NodeStatus): void;
  /** Whether there was one. */
  remove(url: string): boolean;
  nodes(): Readonly<Record<string, NodeStatus>>;
}

/**
 * The body of `/nodes/add` and `/nodes/remove`.
 * @throws PagodaError `invalid_request`.
 */
export function parseNode(body: unknown): { readonly url: string; readonly status: NodeStatus } {
  const parsed = nodeSchema.safeParse(body);
  if (parsed.success) return { url: parsed.data.url, status: parsed.data.status ?? statusSchema.parse({}) };
  const [issue] = parsed.error.issues;
  throw new PagodaError(
    "invalid_request",
    `The description of the node does not fit: ${issue?.path.join(".")}: ${issue?.message}.`,
    { hint: 'Send {"url": "http://host:port", "status": {"models": ["name"], "role": 1}}.' },
  );
}
