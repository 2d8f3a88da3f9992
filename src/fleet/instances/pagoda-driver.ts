/** @module Pagoda's own engine as an instance of a fleet. */
import type { Endpoint } from "../../core/endpoint.ts";
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import { residentBytes } from "../../process/process-tree.ts";
import type { EndpointSize } from "../router/affinity.ts";
import type { EngineDriver } from "./driver.ts";
import type { InstanceCommand, ProcessEnd } from "./instance-process.ts";
import type { EndKind } from "./restart-policy.ts";

export interface PagodaDriverOptions {
  /** The command in front of `serve`: Node and the program it runs. */
  readonly program: readonly string[];
  /** What stands behind `serve`, but for host and port. */
  readonly serveArgs: readonly string[];
  /** Variables of this process that an instance must not see. */
  readonly withoutVariables: readonly string[];
  readonly modelId: string;
  readonly maxModelLen: number;
  /** `max_num_seqs` of each instance. */
  readonly seats: number;
}

const host = "127.0.0.1";

export class PagodaDriver implements EngineDriver {
  readonly engine = "pagoda";
  readonly #options: PagodaDriverOptions;

  constructor(options: PagodaDriverOptions) {
    this.#options = options;
  }

  command(port: number): InstanceCommand {
    const [command = "", ...program] = this.#options.program;
    return {
      command,
      args: [...program, "serve", ...this.#options.serveArgs, "--host", host, "--port", String(port)],
      environment: Object.fromEntries(this.#options.withoutVariables.map((name) => [name, undefined])),
    };
  }

  async isReady(port: number, signal: AbortSignal): Promise<boolean> {
    try {
      return (await fetch(`http://${host}:${port}/health`, { signal })).ok;
    } catch {
      return false;
    }
  }

  endpoint(port: number): Endpoint {
    const { modelId, maxModelLen } = this.#options;
    return new RemoteEndpoint({
      url: new URL(`http://${host}:${port}`),
      model: { modelId, maxModelLen, createdUnixSeconds: Math.floor(Date.now() / 1000) },
    });
  }

  async size(port: number, signal: AbortSignal): Promise<EndpointSize> {
    const answer = await fetch(`http://${host}:${port}/admin/memory`, { signal });
    const report = (await answer.json()) as { readonly numKvTokens: number };
    return { seats: this.#options.seats, poolTokens: report.numKvTokens };
  }

  heldBytes(rootPid: number): number {
    return residentBytes(rootPid);
  }

  endKind({ exitCode, signal, lastOutput }: ProcessEnd): EndKind {
    if (signal === "SIGKILL") return "killed";
    const reason = lastLine(lastOutput);
    if (reason === null || exitCode !== 1) return "crash";
    if (/port \d+|address already in use|EADDRINUSE/i.test(reason)) return "port";
    return "configuration";
  }

  explain(end: ProcessEnd): string {
    const reason = lastLine(end.lastOutput);
    if (end.signal === "SIGKILL")
      return "It was killed (SIGKILL) by someone else: the kernel does so where memory runs out.";
    if (reason !== null) return reason;
    const how = end.signal === null ? `exit code ${end.exitCode}` : end.signal;
    return `It ended with ${how}.`;
  }
}

/** The last thing that the command line said was wrong; null where it said nothing. */
function lastLine(output: string): string | null {
  const lines = output.split("\n").filter((line) => line.startsWith("pagoda: "));
  return lines.at(-1)?.slice("pagoda: ".length) ?? null;
}
