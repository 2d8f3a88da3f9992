/** @module A driver made of an engine's profile and what one instance is started with. */
import type { Endpoint } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import { residentBytes } from "../../process/process-tree.ts";
import type { EndpointSize } from "../router/choice/affinity.ts";
import type {
  EndKind,
  EngineDriver,
  FailedStart,
  InstanceCommand,
  InstanceMemory,
  ProcessEnd,
  SleepControl,
  StartPhase,
} from "./contract/driver.ts";
import type { EngineProfile, RunningInstance } from "./contract/engine-profile.ts";
import { type EngineStart, hasFlag } from "./contract/engine-start.ts";
import { answered, loopback } from "./contract/questions.ts";
import { withOpenAiErrors } from "./errors/openai-errors.ts";
import { type EngineMetrics, readMetrics } from "./metrics/engine-metrics.ts";

export class ProcessDriver implements EngineDriver {
  readonly engine: string;
  readonly readyWithinMs: number;
  readonly endWithinMs: number;
  readonly finishesAfterSigterm: boolean;
  readonly sleep: SleepControl | null;
  readonly #profile: EngineProfile;
  readonly #start: EngineStart;

  /** @throws PagodaError `invalid_option` where the start names a flag that the fleet sets itself. */
  constructor(profile: EngineProfile, start: EngineStart) {
    const reserved = profile.reservedFlags.find((flag) => hasFlag(start, flag));
    if (reserved !== undefined)
      throw new PagodaError("invalid_option", `The fleet sets ${reserved} of ${profile.title} itself.`, {
        param: reserved,
        hint: `Leave ${reserved} out.`,
      });
    this.engine = profile.engine;
    this.readyWithinMs = profile.readyWithinMs;
    this.endWithinMs = profile.endWithinMs;
    this.finishesAfterSigterm = profile.finishesAfterSigterm(start);
    this.sleep = profile.sleep(start);
    this.#profile = profile;
    this.#start = start;
  }

  command(port: number, host = loopback): InstanceCommand {
    const { words, program } = this.#start;
    const [command = "", ...first] = program ?? words.slice(0, 1);
    return {
      command,
      args: [...first, ...words.slice(1), ...this.#profile.addedWords(this.#start, host, port)],
      environment: { ...this.#profile.environment(this.#start), ...this.#start.environment },
    };
  }

  async isReady(port: number, signal: AbortSignal): Promise<boolean> {
    try {
      return (await answered(port, "/health", signal)) !== null;
    } catch (error) {
      if (error instanceof PagodaError) return false;
      throw error;
    }
  }

  /** The last phase that a line has opened. */
  phase(output: string): StartPhase {
    const [first, ...lines] = this.#profile.phases;
    const { name, mostMs } = lines.findLast(({ pattern }) => pattern.test(output)) ?? first;
    return { name, mostMs };
  }

  endpoint(port: number): Endpoint {
    const { servedName, maxModelLen, apiKey } = this.#start;
    return withOpenAiErrors(
      new RemoteEndpoint({
        url: new URL(`http://${loopback}:${port}`),
        model: { modelId: servedName, maxModelLen, createdUnixSeconds: Math.floor(Date.now() / 1000) },
        capabilities: this.#profile.capabilities,
        ...(apiKey === undefined ? {} : { apiKey }),
      }),
    );
  }

  size(port: number, output: string, signal: AbortSignal): Promise<EndpointSize> {
    return this.#profile.size(this.#running(port, output, signal));
  }

  memory(port: number, output: string, signal: AbortSignal): Promise<InstanceMemory> {
    return this.#profile.memory(this.#running(port, output, signal));
  }

  async metrics(port: number, signal: AbortSignal): Promise<EngineMetrics | null> {
    const { metrics } = this.#profile;
    const text = metrics === null ? null : await answered(port, "/metrics", signal, this.#start.apiKey);
    return metrics === null || text === null ? null : readMetrics(text, metrics);
  }

  heldBytes(rootPid: number): number {
    return residentBytes(rootPid);
  }

  endKind(end: ProcessEnd): EndKind {
    return end.signal === "SIGKILL" ? "killed" : this.#profile.endKind(end);
  }

  explain(end: ProcessEnd): FailedStart {
    if (end.signal !== "SIGKILL") return this.#profile.explain(end, this.#start);
    const sentence = "It was killed (SIGKILL) by someone else: the kernel does so where memory runs out.";
    return { sentence, missing: null, changes: [] };
  }

  #running(port: number, output: string, signal: AbortSignal): RunningInstance {
    return { start: this.#start, output, get: (path) => answered(port, path, signal, this.#start.apiKey) };
  }
}
