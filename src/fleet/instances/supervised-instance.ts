/**
 * @module One instance from its first start, or its adoption, to its last end: started under the lock of its devices, routed
 * to once it is ready, watched, started again by the rules of `restart-policy`, and stopped only when its memory is back.
 */
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { EngineDriver, StartChange } from "../drivers/contract/driver.ts";
import type { Demand } from "../ledger/ledger.ts";
import { changeSentence, changeText } from "./change-text.ts";
import { fellAsleep, wakeIfAsleep } from "./engine-sleep.ts";
import type { ProcessTree } from "./holdings.ts";
import type { Failure, InstanceParts, InstanceState } from "./instance-parts.ts";
import { adoptInstance, type InstanceProcess, startInstance } from "./instance-process.ts";
import { boundLog, outputOf } from "./log-file.ts";
import { pause } from "./pause.ts";
import { untilReady } from "./readiness.ts";
import { RestartPolicy } from "./restart-policy.ts";
import { untilStuck } from "./stuck-watch.ts";

interface Running {
  readonly process: InstanceProcess;
  readonly port: number;
  readonly readyMs: number;
}

export class SupervisedInstance {
  readonly instanceId: string;
  readonly #parts: InstanceParts;
  readonly #policy: RestartPolicy;
  readonly #stopping = new AbortController();
  #driver: EngineDriver;
  #isFixed = false;
  /** Of the suggested change that was taken. */
  #fixedFlags: readonly string[] = [];
  #mostHeldBytes = 0;
  /** Bytes above the plan from which on they are told of again. */
  #toldAboveBytes = 0;
  #state: InstanceState = "waiting";
  #reason = "";
  #generation = 0;
  #process: InstanceProcess | null = null;
  #port: number | null = null;
  #startMs: number | null = null;
  #graceMs: number;
  #firstStart = Promise.withResolvers<void>();
  #life: Promise<void> | null = null;

  constructor(parts: InstanceParts) {
    this.instanceId = parts.instanceId;
    this.#parts = parts;
    this.#driver = parts.driver;
    this.#graceMs = parts.graceMs;
    this.#policy = new RestartPolicy(parts.random, parts.restart);
    this.#generation = parts.adopted?.generation ?? 0;
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

  get port(): number | null {
    return this.#port;
  }

  /** How long its last start took; null before it was ready. */
  get startMs(): number | null {
    return this.#startMs;
  }

  /** The most that was ever measured. */
  get mostHeldBytes(): number {
    return this.#mostHeldBytes;
  }

  get demands(): readonly Demand[] {
    return this.#parts.demands;
  }

  /** What its last start has written. */
  output(): string {
    return outputOf(this.#parts.logPath);
  }

  /**
   * Promises it its bytes in this very call, then starts it and keeps it running. Resolves when it is ready for the first
   * time, or has failed for good.
   */
  start(): Promise<void> {
    this.#life ??= this.#live();
    return this.#firstStart.promise;
  }

  /** Lets its requests finish, ends it, and resolves when its memory is back. */
  async stop(reason = "it was asked to stop"): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#life ?? undefined;
    if (this.#state === "ready") {
      this.#become("draining", reason);
      const drained = this.#parts.router.drain(this.instanceId);
      await Promise.race([drained, new Promise((late) => setTimeout(late, this.#graceMs).unref())]);
    }
    this.#stopping.abort(reason);
    await this.#life;
  }

  /**
   * Lets its requests finish, and sends it to sleep: it gives memory back, and comes again without a start. An engine that
   * has no sleep, or does not obey, is stopped.
   */
  async sleep(reason: string): Promise<void> {
    const { router, ledger } = this.#parts;
    const [control, port] = [this.#driver.sleep, this.#port];
    if (this.#state !== "ready" || control === null || port === null) return this.stop(reason);
    this.#become("draining", reason);
    const drained = router.drain(this.instanceId);
    await Promise.race([drained, new Promise((late) => setTimeout(late, this.#graceMs).unref())]);
    router.remove(this.instanceId);
    const isObeyed = await fellAsleep(control, port);
    if (this.#stopping.signal.aborted || this.#process === null) return this.#life ?? undefined;
    if (!isObeyed) return this.stop(`${reason}, and it does not sleep`);
    this.#measureNow(this.#process);
    ledger.rest(this.instanceId);
    this.#become("asleep", `${reason}; its processes stay`);
  }

  /**
   * Its bytes are promised again in this very call. Resolves when it takes requests, or has ended.
   * @throws PagodaError `memory_too_small` where others were promised them meanwhile.
   */
  wake(): Promise<void> {
    this.#parts.ledger.rouse(this.instanceId);
    this.#become("starting", "it wakes up");
    return this.#wake().catch((thrown) => this.stop(`it did not wake up: ${String(thrown)}`));
  }

  async #wake(): Promise<void> {
    const [control, port, process] = [this.#driver.sleep, this.#port, this.#process];
    if (control === null || port === null || process === null) return;
    const startedMs = this.#parts.clock();
    await control.wake(port, AbortSignal.timeout(this.#parts.readyWithinMs));
    await this.#ready(process, port);
    this.#startMs = this.#parts.clock() - startedMs;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#graceMs = 0;
    this.#stopping.abort("it was killed");
    await this.#process?.sweep();
    await this.#life;
  }

  async #live(): Promise<void> {
    if (this.#reserve()) await this.#keepRunning();
    if (this.#state !== "stuck") this.#parts.ledger.release(this.instanceId);
    if (this.#state !== "failed" && this.#state !== "stuck") this.#become("stopped", this.#whyStopped());
    this.#firstStart.resolve();
  }

  #whyStopped(): string {
    const { reason, aborted } = this.#stopping.signal;
    if (!aborted) return "it ended while it slept";
    return typeof reason === "string" ? reason : "it was asked to stop";
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
    let { adopted } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      const running = await this.#startUnderLock(adopted);
      adopted = null;
      if (running === null) break;
      const failure = await this.#serve(running);
      if (this.#stopping.signal.aborted || this.#state === "asleep") break;
      if (!(await this.#pauseAfter(failure, this.#parts.clock() - running.readyMs))) break;
    }
  }

  /** null where it has failed for good, or is to stop. */
  async #startUnderLock(adopted: InstanceParts["adopted"]): Promise<Running | null> {
    const deviceIds = this.#parts.demands.map(({ deviceId }) => deviceId);
    const { signal } = this.#stopping;
    let toAdopt = adopted;
    if (toAdopt === null) this.#become("waiting", "for its turn on the device");
    for (;;) {
      const known = toAdopt;
      toAdopt = null;
      const started =
        known === null
          ? await this.#parts.startLock.run(deviceIds, signal, () => this.#startOnce())
          : await this.#adopt(known);
      if (started === null || "port" in started) return started;
      if (!(await this.#pauseAfter(started, 0))) return null;
      if (this.#state !== "waiting") this.#become("waiting", "for its turn on the device");
    }
  }

  /** One start, up to readiness. What fails is undone before the lock is given back. */
  async #startOnce(): Promise<Running | Failure | null> {
    const { freePort, logPath, fleetTag, journal } = this.#parts;
    if (this.#stopping.signal.aborted) return null;
    this.#generation += 1;
    const generation = this.#generation;
    this.#become("starting", `start ${generation}`);
    const { driverNow } = this.#parts;
    if (driverNow !== null && this.#fixedFlags.length === 0) this.#driver = await driverNow();
    const port = await freePort();
    const tag = `${fleetTag}/${this.instanceId}/${generation}`;
    // Written before: a supervisor that is killed between the two still finds the processes by their tag.
    journal.starting(this.instanceId, { generation, tag, port, process: null });
    const startedMs = this.#parts.clock();
    let process: InstanceProcess;
    try {
      process = await startInstance(this.#driver.command(port), logPath, tag);
    } catch (error) {
      if (!(error instanceof PagodaError)) throw error;
      journal.ended(this.instanceId);
      const end = { exitCode: null, signal: null, lastOutput: "", isAsked: false };
      return { end, seen: `${error.message} ${error.hint ?? ""}`.trim() };
    }
    journal.starting(this.instanceId, { generation, tag, port, process: process.identity });
    return this.#toReadiness(process, port, startedMs);
  }

  /** It may be ready, on its way there, or about to end: as with any start, that shows. */
  #adopt({ process, port, tag }: NonNullable<InstanceParts["adopted"]>): Promise<Running | Failure | null> {
    this.#become("starting", `process ${process.pid} of an earlier supervisor`);
    return this.#toReadiness(adoptInstance(process, this.#parts.logPath, tag), port, null);
  }

  async #toReadiness(
    process: InstanceProcess,
    port: number,
    startedMs: number | null,
  ): Promise<Running | Failure | null> {
    const { clock, readyWithinMs } = this.#parts;
    [this.#process, this.#port] = [process, port];
    const { signal } = this.#stopping;
    const failed = await untilReady({
      driver: this.#driver,
      process,
      port,
      mostMs: readyWithinMs,
      clock,
      signal,
    });
    if (failed === null && !signal.aborted) {
      const running = await this.#ready(process, port);
      if (startedMs !== null) this.#startMs = clock() - startedMs;
      return running;
    }
    if (signal.aborted) await process.stop(this.#graceMs);
    await this.#giveBack(process);
    return signal.aborted || failed === null ? null : { end: failed.end, seen: failed.late };
  }

  async #ready(process: InstanceProcess, port: number): Promise<Running> {
    const { router, clock } = this.#parts;
    const signal = AbortSignal.timeout(this.#parts.readyWithinMs);
    // One that an earlier supervisor sent to sleep says that it is ready, and answers nothing.
    if (this.#parts.adopted !== null) await wakeIfAsleep(this.#driver.sleep, port);
    const size = await this.#driver.size(port, process.output(), signal);
    this.#measureNow(process);
    router.add({ endpointId: this.instanceId, endpoint: this.#driver.endpoint(port), ...size });
    const fixed = this.#fixedFlags.length === 0 ? "" : `, started ${changeText(this.#fixedFlags)}`;
    this.#become("ready", `${size.poolTokens} KV tokens, ${size.seats} sequences${fixed}`);
    this.#firstStart.resolve();
    return { process, port, readyMs: clock() };
  }

  /** Its processes, while it has any. */
  get tree(): ProcessTree | null {
    return this.#process;
  }

  #measureNow(tree: ProcessTree): void {
    this.#parts.holdings.countOne(tree);
    this.measure();
  }

  /**
   * Books what it was last counted to hold, and keeps its log within bounds. Returns the bytes of the host that cannot be dropped, as others
   * see them gone. Bytes above the plan are an event, once. `heldOnCard`: bytes of processes on a card, null where nobody knows.
   */
  measure(heldOnCard: (deviceId: string, pids: readonly number[]) => number | null = () => null): number {
    const { demands, logPath, logBytes, runs } = this.#parts;
    if (this.#process === null) return 0;
    boundLog(logPath, logBytes);
    const { pids, heldBytes, unreclaimableBytes } = this.#parts.holdings.of(this.#process);
    for (const demand of demands)
      this.#book(demand, runs === "processors" ? heldBytes : heldOnCard(demand.deviceId, pids));
    return runs === "processors" ? unreclaimableBytes : 0;
  }

  #book({ deviceId, plannedBytes }: Demand, heldBytes: number | null): void {
    if (heldBytes === null) return;
    this.#mostHeldBytes = Math.max(this.#mostHeldBytes, heldBytes);
    const aboveBytes = this.#parts.ledger.measure(this.instanceId, deviceId, heldBytes);
    if (aboveBytes <= this.#toldAboveBytes) return;
    this.#toldAboveBytes = 2 * aboveBytes;
    this.#become(
      this.#state,
      `it holds ${formatBytes(heldBytes)}, ${formatBytes(aboveBytes)} more than the ${formatBytes(plannedBytes)} that were planned`,
    );
  }

  /** Until it ends by itself, is stuck, or is asked to end. */
  async #serve({ process, port }: Running): Promise<Failure> {
    const { router, stuckMs, clock } = this.#parts;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    const numOpen = (): number => router.numOpen(this.instanceId);
    const stuck = untilStuck({ driver: this.#driver, port, stuckMs, numOpen, clock, signal });
    const asked = new Promise<null>((resolve) => {
      this.#stopping.signal.addEventListener("abort", () => resolve(null), { once: true });
      if (this.#stopping.signal.aborted) resolve(null);
    });
    const why = await Promise.race([process.ended.then(() => null), asked, stuck]);
    over.abort();
    router.remove(this.instanceId);
    if (this.#stopping.signal.aborted) await process.stop(Math.min(this.#graceMs, this.#driver.endWithinMs));
    await this.#giveBack(process);
    return { end: await process.ended, seen: why === null ? null : `It was ended because ${why}.` };
  }

  /** What it held is free again only when every process of the tree is gone. */
  async #giveBack(process: InstanceProcess): Promise<void> {
    const left = await process.sweep();
    [this.#process, this.#port] = [null, null];
    if (left.length === 0) {
      this.#parts.journal.ended(this.instanceId);
      for (const { deviceId } of this.#parts.demands)
        this.#parts.ledger.measure(this.instanceId, deviceId, 0);
      return;
    }
    const pids = left.map(({ pid }) => pid).join(", ");
    this.#become("stuck", `process ${pids} does not end after SIGKILL; its bytes stay reserved`);
  }

  /** Whether it is to be started again, after the pause that this takes. */
  async #pauseAfter({ end, seen }: Failure, readyMs: number): Promise<boolean> {
    const { clock, restarts } = this.#parts;
    if (this.#state === "stuck") return false;
    const explained = this.#driver.explain(end);
    const why = seen ?? [explained.sentence, ...changeSentence(explained)].join(" ");
    const known = this.#driver.endKind(end);
    // One that we ended ourselves may still have said that its port was taken.
    const kind = seen === null || known === "port" ? known : "crash";
    if (kind === "configuration" && (await this.#fixed(seen ?? explained.sentence, explained.changes)))
      return true;
    const decision = this.#policy.decide(kind, readyMs, clock());
    if (decision.kind === "failed" || !restarts) {
      this.#become("failed", restarts ? why : `${why} It is not started again (restart: never).`);
      return false;
    }
    const state = decision.kind === "crashloop" ? "crashloop" : "pausing";
    this.#become(state, `${why} It is started again in ${(decision.afterMs / 1000).toFixed(1)} s.`);
    await pause(decision.afterMs, this.#stopping.signal);
    return !this.#stopping.signal.aborted;
  }

  /** Takes a suggested change once. */
  async #fixed(why: string, changes: readonly StartChange[]): Promise<boolean> {
    const { fix } = this.#parts;
    if (fix === null || this.#isFixed) return false;
    this.#isFixed = true;
    const found = await fix(changes);
    if (found === null) return false;
    this.#driver = found.driver;
    this.#fixedFlags = found.flags;
    this.#become("pausing", `${why} It is started again ${changeText(found.flags)} (restart: fix).`);
    return true;
  }

  #become(state: InstanceState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#parts.onEvent({ instanceId: this.instanceId, state, reason });
  }
}
