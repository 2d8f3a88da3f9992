/** @module Sleep by the routes that vLLM, LMDeploy and our own server share in all but their names. */
import type { SleepControl, SleepLevel } from "./driver.ts";
import { act, answered } from "./questions.ts";

interface SleepRoutes {
  readonly levels: readonly SleepLevel[];
  sleepPath(level: SleepLevel): string;
  readonly wakePath: string;
}

export function sleepOverHttp({ levels, sleepPath, wakePath }: SleepRoutes): SleepControl {
  return {
    levels,
    sleep: async (port, level, signal) => {
      await act(port, sleepPath(level), signal);
    },
    wake: async (port, signal) => {
      await act(port, wakePath, signal);
    },
    isAsleep: async (port, signal) =>
      /"is_sleeping"\s*:\s*true/.test((await answered(port, "/is_sleeping", signal)) ?? ""),
  };
}
