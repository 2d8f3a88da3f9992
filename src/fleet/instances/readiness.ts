/** @module From the start of a process to its first answer, or to its end, or to the moment when nobody believes in it any more. */
import type { EngineDriver, ProcessEnd } from "../drivers/contract/driver.ts";
import type { InstanceProcess } from "./instance-process.ts";

export interface ReadinessParts {
  readonly driver: EngineDriver;
  readonly process: InstanceProcess;
  readonly port: number;
  readonly mostMs: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

/** Most instances take seconds; one that is ready at once must not hold up the next. */
const [firstLookMs, mostLookMs, longerEachTime] = [5, 50, 1.2];
const answerWithinMs = 2000;

/** A start that did not come to its end as it should. */
export interface FailedReadiness {
  readonly end: ProcessEnd;
  /** What took too long; null where the process ended. */
  readonly late: string | null;
}

/** null once it is ready. */
export async function untilReady(parts: ReadinessParts): Promise<FailedReadiness | null> {
  const { driver, process, port, clock, signal, mostMs } = parts;
  let end: ProcessEnd | null = null;
  void process.ended.then((known) => {
    end = known;
  });
  const startedMs = clock();
  let [phase, phaseMs] = ["", startedMs];
  let lookMs = firstLookMs;
  while (end === null && !signal.aborted) {
    if (await driver.isReady(port, AbortSignal.timeout(answerWithinMs))) return null;
    const now = driver.phase(process.output());
    if (now.name !== phase) [phase, phaseMs] = [now.name, clock()];
    if (clock() - startedMs > mostMs) return tooLate(process, `It was not ready within ${seconds(mostMs)}.`);
    if (clock() - phaseMs > now.mostMs)
      return tooLate(process, `It was in the phase "${phase}" for more than ${seconds(now.mostMs)}.`);
    await new Promise((wake) => setTimeout(wake, lookMs));
    lookMs = Math.min(mostLookMs, lookMs * longerEachTime);
  }
  const asked = { exitCode: null, signal: null, lastOutput: "", isAsked: true };
  return { end: end ?? asked, late: null };
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

function tooLate(process: InstanceProcess, late: string): FailedReadiness {
  return { end: { exitCode: null, signal: null, lastOutput: process.output(), isAsked: false }, late };
}
