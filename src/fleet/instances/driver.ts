/** @module What the fleet must know of an engine to run it: its command, when it is ready, what it can hold, how it fails. */
import type { Endpoint } from "../../core/endpoint.ts";
import type { EndpointSize } from "../router/affinity.ts";
import type { InstanceCommand, ProcessEnd } from "./instance-process.ts";
import type { EndKind } from "./restart-policy.ts";

export interface EngineDriver {
  readonly engine: string;
  /** The command of an instance that serves on this port of the loopback interface. */
  command(port: number): InstanceCommand;
  /** Whether it can take requests. Never rejects. */
  isReady(port: number, signal: AbortSignal): Promise<boolean>;
  /** Its endpoint, once it is ready. */
  endpoint(port: number): Endpoint;
  /** How many sequences and tokens it holds, once it is ready. */
  size(port: number, signal: AbortSignal): Promise<EndpointSize>;
  /** Bytes that its processes hold on the device now. */
  heldBytes(rootPid: number): number;
  /** Why it ended, by its exit and its last words. */
  endKind(end: ProcessEnd): EndKind;
  /** One line for people: what went wrong and what to change. */
  explain(end: ProcessEnd): string;
}
