/**
 * @module The ceiling of the JavaScript heap, set from the budget.
 *
 * V8 takes its ceiling only at the start of a process, so a command that serves replaces itself once (`execve`: the same
 * process id, nothing of the first image stays resident) with the flags that its `--memory` calls for. A second process
 * would count against the cap.
 */
import type { Environment } from "../../core/options/read-options.ts";
import { heapCeilingFor, heapVariable, readDeviceMemory } from "../../instance/index.ts";
import { semiSpaceMib } from "../../planner/engines/pagoda/index.ts";

/**
 * What keeps glibc from holding on to freed memory: few arenas, and large chunks in mappings of their own. Its threshold
 * for those grows with what is freed, unless it is stated: one body of 4 MB would leave up to 100 MiB behind.
 */
export const mallocVariables = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;

/**
 * Replaces this process by itself under the ceiling that the flags call for; returns where that is done already, or not
 * possible here.
 */
export function ensureHeapCeiling(given: Readonly<Record<string, unknown>>, environment: Environment): void {
  if (environment[heapVariable] !== undefined || process.execve === undefined) return;
  const script = process.argv[1];
  if (script === undefined) return;
  const ceilingMib = heapCeilingFor(given, environment, readDeviceMemory());
  const flags = heapFlags(ceilingMib);
  process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, ...flags, script, ...process.argv.slice(2)],
    {
      ...process.env,
      [heapVariable]: String(ceilingMib),
      ...mallocVariables,
    },
  );
}

/** Flags of Node for a process with this ceiling. */
export function heapFlags(ceilingMib: number): readonly string[] {
  return [
    `--max-old-space-size=${ceilingMib}`,
    `--max-semi-space-size=${semiSpaceMib}`,
    // node:ffi, which loads the machine-code kernels, warns at every start.
    "--disable-warning=ExperimentalWarning",
  ];
}
