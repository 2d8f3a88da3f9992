/** @module An engine sent to sleep and woken, over its own routes. */
import { PagodaError } from "../../core/errors.ts";
import type { SleepControl } from "../drivers/contract/driver.ts";

/** The weights stay in the memory of the host, so that a wake needs no file and loses nothing. */
const level = 1;
/** Gigabytes of weights go over the bus. */
const obeyWithinMs = 120_000;

/** Whether it sleeps now. */
export async function fellAsleep(control: SleepControl, port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(obeyWithinMs);
  try {
    await control.sleep(port, level, signal);
    return await control.isAsleep(port, signal);
  } catch (error) {
    if (error instanceof PagodaError) return false;
    throw error;
  }
}

/** An engine without sleep, and one that is awake, stay as they are. @throws PagodaError `endpoint_unreachable`. */
export async function wakeIfAsleep(control: SleepControl | null, port: number): Promise<void> {
  const signal = AbortSignal.timeout(obeyWithinMs);
  if (control !== null && (await control.isAsleep(port, signal))) await control.wake(port, signal);
}
