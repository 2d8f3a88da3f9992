/** @module pagoda tune --watch: keeps tuning the live settings of a running server. */
import { snapshotSchema } from "../../../api/admin/observatory/index.ts";
import { PagodaError } from "../../../core/errors.ts";
import type { WatchAction, WindowObservation } from "../../../tuner/index.ts";
import { describeValue } from "../../../tuner/options.ts";
import { askServer, askSettings, type ServerAddress } from "../settings-client.ts";
import type { ProgressLines } from "./progress-lines.ts";
import type { TuneCommandValues } from "./tune-command-values.ts";
import { stopOnSignal } from "./tuned-model.ts";

/** Runs until a signal; the journal goes to standard output, a line for each window. */
export async function tuneWatch(values: TuneCommandValues, progress: ProgressLines): Promise<void> {
  const tuner = await import("../../../tuner/index.ts");
  const address: ServerAddress = {
    url: values.watch?.value ?? "",
    ...(values.apiKey === null ? {} : { apiKey: values.apiKey.value }),
  };
  const goal = tuner.goalFrom(values, false);
  if (goal.objective === "memory" || goal.constraints.some(({ metric }) => metric === "memory"))
    throw new PagodaError(
      "invalid_option",
      "The memory of a running server does not change with its live settings.",
      {
        hint: "Leave memory out of the goal of --watch.",
      },
    );
  const stop = stopOnSignal();
  progress.line(
    `Watching ${address.url}: ${tuner.describeGoal(goal)}. Ctrl-C leaves the settings as they are then.`,
  );
  await tuner.watchServer(
    {
      snapshot: async () => {
        const { answer } = await askServer({ method: "GET", path: "/admin/snapshot", body: null }, address);
        const parsed = snapshotSchema.safeParse(answer);
        if (parsed.success) return parsed.data;
        throw new PagodaError(
          "endpoint_unreachable",
          `The server at ${address.url} gave no snapshot of itself.`,
          {
            hint: "Watch a server of Pagoda, with --api-key if it asks for a key.",
          },
        );
      },
      change: async (settings, revision) => {
        const body = { ...settings, revision, by: "pagoda tune --watch" };
        await askSettings({ method: "PATCH", path: "/admin/settings", body }, address);
      },
      revision: async () =>
        (await askSettings({ method: "GET", path: "/admin/settings", body: null }, address)).revision,
    },
    goal,
    values.rails?.value ?? {},
    {
      onAction: (action, seen) => journal(action, seen, values.json?.value === true),
      sleep: (ms) => sleepUnless(stop, ms),
    },
  );
}

function journal(action: WatchAction, { outcome: { figures } }: WindowObservation, isJson: boolean): void {
  const line = {
    at: new Date().toISOString(),
    ...action,
    tokensPerSecond: figures.outputTokensPerSecond,
    p99TtftMs: figures.p99TtftMs,
    p99ItlMs: figures.p99ItlMs,
  };
  const text = `${line.at.slice(11, 19)} ${action.kind}: ${action.why}  (${describeValue("tokens/s", figures.outputTokensPerSecond)} tokens/s, P99 TTFT ${describeValue("p99-ttft", figures.p99TtftMs)}, P99 ITL ${describeValue("p99-itl", figures.p99ItlMs)})`;
  process.stdout.write(`${isJson ? JSON.stringify(line) : text}\n`);
}

function sleepUnless(stop: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(stop.reason);
    };
    const timer = setTimeout(() => {
      stop.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (stop.aborted) onAbort();
    else stop.addEventListener("abort", onAbort, { once: true });
  });
}
