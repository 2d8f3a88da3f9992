/** @module The start of this process as a service of the running server. */
import type { RunningStart, StartService } from "../../api/admin/start.ts";
import type { PreparedInstance } from "../../instance/index.ts";

/** Answered once and kept: the start does not change. The planner is loaded with the first question. */
export function startService(prepared: PreparedInstance, modelArgument: string): StartService {
  let answer: Promise<RunningStart> | null = null;
  return {
    async start() {
      const { runningStart } = await import("./running-start.ts");
      answer ??= runningStart(prepared, modelArgument);
      return answer;
    },
  };
}
