/** @module The ceiling of the JavaScript heap: what flags call for, and what this process runs under. */
import { PagodaError } from "../../core/errors.ts";
import { type Environment, readOptions } from "../../core/options/read-options.ts";
import {
  capBytesOf,
  type DeviceMemory,
  heapCeilingMib,
  memoryOptions,
} from "../../planner/engines/pagoda/index.ts";

/** Set in a process that was started under a ceiling; its value is that ceiling in MiB. */
export const heapVariable = "PAGODA_HEAP_MIB";

/**
 * MiB for a start with these flags: of the cap, or of what the device has available where there is no cap. Options that
 * are wrong are reported later, by the command.
 */
export function heapCeilingFor(
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
  device: DeviceMemory,
): number {
  return heapCeilingMib(statedCapBytes(given, environment, device) ?? device.availableBytes);
}

function statedCapBytes(
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
  device: DeviceMemory,
): number | null {
  const { memory, utilization } = memoryOptions;
  try {
    const values = readOptions({ memory, utilization }, given, environment);
    const cap = values.memory ?? values.utilization;
    return cap === null ? null : capBytesOf(cap.value, device);
  } catch (thrown) {
    if (thrown instanceof PagodaError) return null;
    throw thrown;
  }
}

/** MiB; null in a process whose heap has no stated ceiling. */
export function runningHeapCeilingMib(environment: Environment): number | null {
  const stated = Number(environment[heapVariable] ?? Number.NaN);
  return Number.isInteger(stated) && stated > 0 ? stated : null;
}
