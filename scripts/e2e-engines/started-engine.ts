/** @module One real engine, started through its driver as the fleet starts it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineDriver, ProcessEnd } from "../../src/fleet/drivers/contract/driver.ts";
import type { EngineStart } from "../../src/fleet/drivers/contract/engine-start.ts";
import { driverOf } from "../../src/fleet/drivers/drivers.ts";
import { type InstanceProcess, startInstance } from "../../src/fleet/instances/instance-process.ts";
import { freePort } from "../../src/process/server-process.ts";
import type { RealEngine } from "./engines-at.ts";

const started = new Set<InstanceProcess>();

/** No engine outlives the run, however it ends. */
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    void Promise.all([...started].map((instance) => instance.sweep())).then(() => process.exit(130));
  });

export class StartedEngine {
  readonly driver: EngineDriver;
  readonly process: InstanceProcess;
  readonly port: number;
  /** Phases in the order in which they were seen, with the seconds at which they began. */
  readonly phases: { readonly name: string; readonly atSeconds: number }[] = [];

  constructor(driver: EngineDriver, process: InstanceProcess, port: number) {
    this.driver = driver;
    this.process = process;
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  output(): string {
    return readFileSync(this.process.logPath, "utf8");
  }

  /** null once it is ready; how it ended, where it ended instead. */
  async readyOrEnd(): Promise<ProcessEnd | null> {
    const startedMs = performance.now();
    const seconds = (): number => Math.round((performance.now() - startedMs) / 100) / 10;
    let end: ProcessEnd | null = null;
    void this.process.ended.then((known) => {
      end = known;
    });
    while (end === null) {
      const { name, mostMs } = this.driver.phase(this.output());
      if (this.phases.at(-1)?.name !== name) this.phases.push({ name, atSeconds: seconds() });
      const inPhaseMs = (seconds() - (this.phases.at(-1)?.atSeconds ?? 0)) * 1000;
      // As the supervisor does: it is ended, and its output explains it.
      if (inPhaseMs > mostMs)
        return { exitCode: null, signal: null, lastOutput: this.output(), isAsked: false };
      if (await this.driver.isReady(this.port, AbortSignal.timeout(5000))) {
        this.phases.push({ name: "ready", atSeconds: seconds() });
        return null;
      }
      if (seconds() * 1000 > this.driver.readyWithinMs) throw new Error(`not ready after ${seconds()} s`);
      await new Promise((wake) => setTimeout(wake, 100));
    }
    return end;
  }

  /** Ends whatever is left of it. */
  async end(): Promise<void> {
    await this.process.sweep();
    started.delete(this.process);
  }
}

const logFolder = mkdtempSync(join(tmpdir(), "pagoda-engines-"));
process.once("exit", () => rmSync(logFolder, { recursive: true, force: true }));
let numStarted = 0;

/** A file for the output of one process. */
export function keptLog(): string {
  numStarted += 1;
  return join(logFolder, `${numStarted}.log`);
}

/** @param port of the instance; default: one that is free. */
export async function startEngine(
  engine: RealEngine,
  start: EngineStart,
  port?: number,
): Promise<StartedEngine> {
  numStarted += 1;
  const driver = driverOf(engine.name, start);
  const chosen = port ?? (await freePort());
  const tag = `e2e-engines/${process.pid}/${numStarted}`;
  const instance = await startInstance(driver.command(chosen), join(logFolder, `${numStarted}.log`), tag);
  started.add(instance);
  return new StartedEngine(driver, instance, chosen);
}

/** Runs something over an engine that is ready, and leaves nothing of it. */
export async function withEngine<T>(
  engine: RealEngine,
  start: EngineStart,
  run: (running: StartedEngine) => Promise<T>,
): Promise<T> {
  const running = await startEngine(engine, start);
  try {
    const end = await running.readyOrEnd();
    if (end !== null) throw new Error(`It did not start: ${running.driver.explain(end).sentence}`);
    return await run(running);
  } finally {
    await running.end();
  }
}
