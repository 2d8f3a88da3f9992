/**
 * @module One instance as a process tree of its own: a session, an environment tag, output in a file.
 *
 * The session and the tag are how its whole tree is found and ended, also after the process that was started has gone; a
 * killed vLLM API server, for one, leaves its engine holding the card. Output goes to a file and not to a pipe, so that an
 * instance outlives the end of its supervisor, and a later supervisor can adopt it.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import { periodically } from "../../core/observation/periodic.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
  processesOfSession,
  processesWith,
} from "../../process/process-identity.ts";
import type { InstanceCommand, ProcessEnd } from "../drivers/contract/driver.ts";
import { outputOf, rotateLog } from "./log-file.ts";

/** The variable that marks every process of an instance; its value names fleet, instance and start. */
export const tagVariable = "PAGODA_INSTANCE";

/** How a process ended; both null where that is not known: it was another supervisor's child. */
interface Exit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long the tree may take to be gone after SIGKILL. A process in a driver can take longer; it is then named. */
const goneWithinMs = 10_000;
const lookEveryMs = 20;
/** An adopted process is no child of ours: its end is seen only by looking. */
const lookForEndEveryMs = 100;
/** A look at the number alone costs a tenth; whether it is the same process is asked less often. */
const looksByNumber = 10;

export class InstanceProcess {
  readonly identity: ProcessIdentity;
  readonly logPath: string;
  /** The value of the variable that marks every process of the tree. */
  readonly tag: string;
  /** Resolves when the process that was started has ended; others of its tree may still run. */
  readonly ended: Promise<ProcessEnd>;
  #isAsked = false;

  /** Of a process that runs; `startInstance` and `adoptInstance` make one. */
  constructor(identity: ProcessIdentity, exit: Promise<Exit>, logPath: string, tag: string) {
    this.identity = identity;
    this.logPath = logPath;
    this.tag = tag;
    this.ended = exit.then((known) => ({
      ...known,
      lastOutput: outputOf(logPath),
      isAsked: this.#isAsked,
    }));
  }

  /**
   * Every process of the tree that still runs. One that sets its own title has overwritten its environment, as vLLM's engine
   * core does; one that opened a session of its own has left this one: each is found by the other mark.
   */
  members(): ProcessIdentity[] {
    const found = [...processesOfSession(this.identity), ...processesWith(tagVariable, this.tag)];
    return [...new Map(found.map((member) => [member.pid, member])).values()];
  }

  output(): string {
    return outputOf(this.logPath);
  }

  /**
   * Ends the tree: SIGTERM to the process that was started, `graceMs` to finish, then SIGKILL to its group and to all that
   * carry the tag. Resolves when all are gone, with those that would not go.
   */
  async stop(graceMs: number): Promise<ProcessIdentity[]> {
    this.#isAsked = true;
    if (isRunning(this.identity)) this.#signal(this.identity.pid, "SIGTERM");
    await Promise.race([this.ended, new Promise((late) => setTimeout(late, graceMs).unref())]);
    return this.sweep();
  }

  /** Kills at once whatever is left of the tree. */
  async sweep(): Promise<ProcessIdentity[]> {
    this.#isAsked = true;
    if (isRunning(this.identity)) this.#signal(-this.identity.pid, "SIGKILL");
    const deadlineMs = performance.now() + goneWithinMs;
    for (;;) {
      const left = this.members();
      if (left.length === 0) return [];
      for (const { pid } of left) this.#signal(pid, "SIGKILL");
      if (performance.now() > deadlineMs) return left;
      await new Promise((wake) => setTimeout(wake, lookEveryMs));
    }
  }

  #signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/**
 * Starts the command at the head of a session of its own, with a log file of its own.
 * @throws PagodaError `internal` where the command cannot be run at all.
 */
export async function startInstance(
  command: InstanceCommand,
  logPath: string,
  tag: string,
): Promise<InstanceProcess> {
  rotateLog(logPath);
  const log = openSync(logPath, "a", 0o600);
  try {
    const child = spawn(command.command, command.args, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...command.environment, [tagVariable]: tag },
    });
    // It may end before anybody asks.
    const exit = new Promise<Exit>((resolve) => {
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    const pid = child.pid ?? 0;
    return new InstanceProcess(identify(pid) ?? { pid, startTicks: 0 }, exit, logPath, tag);
  } catch (cause) {
    throw new PagodaError("internal", `${command.command} cannot be started: ${String(cause)}.`, {
      hint: "Check that it is installed and on the path.",
      cause,
    });
  } finally {
    closeSync(log);
  }
}

function isNumberInUse(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A process that an earlier supervisor of this fleet started, and that still runs. */
export function adoptInstance(identity: ProcessIdentity, logPath: string, tag: string): InstanceProcess {
  const exit = new Promise<Exit>((resolve) => {
    let numLooks = 0;
    const looking = periodically(lookForEndEveryMs, () => {
      numLooks += 1;
      if (numLooks % looksByNumber === 0 ? isRunning(identity) : isNumberInUse(identity.pid)) return;
      clearInterval(looking);
      resolve({ exitCode: null, signal: null });
    });
    looking.unref();
  });
  return new InstanceProcess(identity, exit, logPath, tag);
}
