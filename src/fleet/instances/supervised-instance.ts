/**
 * @module One instance from its first start to its last end: started under the lock of its devices, routed to once it is
 * ready, started again by the rules of `restart-policy`, and stopped only when its memory is back.
 */
import { PagodaError } from "../../core/errors.ts";
import type { EngineDriver, ProcessEnd, StartChange } from "../drivers/contract/driver.ts";
import type { Demand, Ledger } from "../ledger/ledger.ts";
import type { Router } from "../router/router.ts";
import { type InstanceProcess, startInstance } from "./instance-process.ts";
import { RestartPolicy } from "./restart-policy.ts";
import type { StartLock } from "./start-lock.ts";

export type InstanceState =
  | "waiting"
  | "starting"
  | "ready"
  | "draining"
  | "stopped"
  | "pausing"
  | "crashloop"
  | "failed"
  | "stuck";

export interface InstanceEvent {
  readonly instanceId: string;
  readonly state: InstanceState;
  readonly reason: string;
}

export interface InstanceParts {
  readonly instanceId: string;
  readonly demands: readonly Demand[];
  readonly driver: EngineDriver;
  readonly ledger: Ledger;
  readonly startLock: StartLock;
  readonly router: Router;
  readonly freePort: () => Promise<number>;
  readonly logPath: string;
  /** Marks the processes of this fleet. */
  readonly fleetTag: string;
  readonly readyWithinMs: number;
  readonly graceMs: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly onEvent: (event: InstanceEvent) => void;
}

interface Running {
  readonly process: InstanceProcess;
  readonly port: number;
  readonly readyMs: number;
}

const lookEveryMs = 50;

export class SupervisedInstance {
  readonly instanceId: string;
  readonly #parts: InstanceParts;
  readonly #policy: RestartPolicy;
  readonly #stopping = new AbortController();
  #state: InstanceState = "waiting";
  #reason = "";
  #generation = 0;
  #process: InstanceProcess | null = null;
  #firstStart = Promise.withResolvers<void>();
  #life: Promise<void> | null = null;

  constructor(parts: InstanceParts) {
    this.instanceId = parts.instanceId;
    this.#parts = parts;
    this.#policy = new RestartPolicy(parts.random);
  }

  get state(): InstanceState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  get pid(): number | null {
    return this.#process?.identity.pid ?? null;
  }

  /** Starts it and keeps it running. Resolves when it is ready for the first time, or has failed for good. */
  start(): Promise<void> {
    this.#life ??= this.#live();
    return this.#firstStart.promise;
  }

  /** Lets its requests finish, ends it, and resolves when its memory is back. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#life ?? undefined;
    if (this.#state === "ready") {
      this.#become("draining", "it was asked to stop");
      const drained = this.#parts.router.drain(this.instanceId);
      await Promise.race([drained, new Promise((late) => setTimeout(late, this.#parts.graceMs).unref())]);
    }
    this.#stopping.abort();
    await this.#life;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#stopping.abort();
    await this.#process?.sweep();
    await this.#life;
  }

  async #live(): Promise<void> {
    if (this.#reserve()) await this.#keepRunning();
    if (this.#state !== "stuck") this.#parts.ledger.release(this.instanceId);
    if (this.#state !== "failed" && this.#state !== "stuck") this.#become("stopped", "it was asked to stop");
    this.#firstStart.resolve();
  }

  /** Its bytes are promised before its first start and kept over every restart. */
  #reserve(): boolean {
    try {
      this.#parts.ledger.reserve(this.instanceId, this.#parts.demands);
      return true;
    } catch (error) {
      if (!(error instanceof PagodaError)) throw error;
      this.#become("failed", `${error.message} ${error.hint ?? ""}`.trim());
      return false;
    }
  }

  async #keepRunning(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const running = await this.#startUnderLock();
      if (running === null) break;
      const end = await this.#serve(running);
      if (this.#stopping.signal.aborted) break;
      if (!(await this.#pauseAfter(end, this.#parts.clock() - running.readyMs))) break;
    }
  }

  /** null where it has failed for good, or is to stop. */
  async #startUnderLock(): Promise<Running | null> {
    const deviceIds = this.#parts.demands.map(({ deviceId }) => deviceId);
    this.#become("waiting", "for its turn on the device");
    for (;;) {
      const started = await this.#parts.startLock.run(deviceIds, () => this.#startOnce());
      if (started === null || "port" in started) return started;
      if (!(await this.#pauseAfter(started, 0))) return null;
    }
  }

  /** One start, up to readiness. What fails is undone before the lock is given back. */
  async #startOnce(): Promise<Running | ProcessEnd | null> {
    const { driver, freePort, logPath, fleetTag } = this.#parts;
    if (this.#stopping.signal.aborted) return null;
    this.#generation += 1;
    this.#become("starting", `start ${this.#generation}`);
    const port = await freePort();
    const tag = `${fleetTag}/${this.instanceId}/${this.#generation}`;
    const process = await startInstance(driver.command(port), logPath, tag);
    this.#process = process;
    const end = await this.#readyOrEnd(process, port);
    if (end === null) return this.#ready(process, port);
    await this.#giveBack(process);
    return this.#stopping.signal.aborted ? null : end;
  }

  async #ready(process: InstanceProcess, port: number): Promise<Running> {
    const { driver, router, clock } = this.#parts;
    const size = await driver.size(
      port,
      process.lastOutput(),
      AbortSignal.timeout(this.#parts.readyWithinMs),
    );
    this.measure();
    router.add({ endpointId: this.instanceId, endpoint: driver.endpoint(port), ...size });
    this.#become("ready", `${size.poolTokens} KV tokens, ${size.seats} sequences`);
    this.#firstStart.resolve();
    return { process, port, readyMs: clock() };
  }

  /** Books what it holds now. */
  measure(): void {
    const { ledger, driver, demands } = this.#parts;
    const [device] = demands;
    if (this.#process === null || device === undefined || this.#state === "stopped") return;
    const heldBytes = driver.heldBytes(this.#process.identity.pid);
    if (!Number.isFinite(heldBytes)) return;
    const aboveBytes = ledger.measure(this.instanceId, device.deviceId, heldBytes);
    if (aboveBytes > 0) this.#become(this.#state, `it holds ${aboveBytes} bytes more than planned`);
  }

  /** null once it is ready. */
  async #readyOrEnd(process: InstanceProcess, port: number): Promise<ProcessEnd | null> {
    const { driver, clock, readyWithinMs } = this.#parts;
    let end: ProcessEnd | null = null;
    void process.ended.then((known) => {
      end = known;
    });
    const deadlineMs = clock() + readyWithinMs;
    while (end === null && !this.#stopping.signal.aborted) {
      if (await driver.isReady(port, AbortSignal.timeout(2000))) return null;
      if (clock() > deadlineMs) {
        const lastOutput = `It was not ready within ${Math.round(readyWithinMs / 1000)} s.\n${process.lastOutput()}`;
        return { exitCode: null, signal: null, lastOutput, isAsked: false };
      }
      await new Promise((wake) => setTimeout(wake, lookEveryMs));
    }
    return end ?? { exitCode: null, signal: null, lastOutput: "", isAsked: true };
  }

  /** Until it ends by itself or is asked to. */
  async #serve({ process }: Running): Promise<ProcessEnd> {
    const { router, graceMs } = this.#parts;
    const asked = new Promise<null>((resolve) => {
      this.#stopping.signal.addEventListener("abort", () => resolve(null), { once: true });
      if (this.#stopping.signal.aborted) resolve(null);
    });
    await Promise.race([process.ended, asked]);
    router.remove(this.instanceId);
    if (this.#stopping.signal.aborted) await process.stop(graceMs);
    const end = await process.ended;
    await this.#giveBack(process);
    return end;
  }

  /** What it held is free again only when every process of the tree is gone. */
  async #giveBack(process: InstanceProcess): Promise<void> {
    const left = await process.sweep();
    this.#process = null;
    if (left.length === 0) {
      for (const { deviceId } of this.#parts.demands)
        this.#parts.ledger.measure(this.instanceId, deviceId, 0);
      return;
    }
    const pids = left.map(({ pid }) => pid).join(", ");
    this.#become("stuck", `process ${pids} does not end after SIGKILL; its bytes stay reserved`);
  }

  /** Whether it is to be started again, after the pause that this takes. */
  async #pauseAfter(end: ProcessEnd, readyMs: number): Promise<boolean> {
    const { driver, clock } = this.#parts;
    const decision = this.#policy.decide(driver.endKind(end), readyMs, clock());
    const { sentence, changes } = driver.explain(end);
    if (decision.kind === "failed") {
      this.#become("failed", [sentence, ...changeSentence(changes)].join(" "));
      return false;
    }
    if (this.#state === "stuck") return false;
    const state = decision.kind === "crashloop" ? "crashloop" : "pausing";
    this.#become(state, `${sentence} It is started again in ${(decision.afterMs / 1000).toFixed(1)} s.`);
    await new Promise<void>((wake) => {
      const timer = setTimeout(wake, decision.afterMs);
      this.#stopping.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        wake();
      });
    });
    return !this.#stopping.signal.aborted;
  }

  #become(state: InstanceState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#parts.onEvent({ instanceId: this.instanceId, state, reason });
  }
}

/** The first change, unless the sentence before it has said the same. */
function changeSentence([first]: readonly StartChange[]): string[] {
  return first === undefined ? [] : [`${first.flags.join(" ")} would let it start: ${first.why}.`];
}
