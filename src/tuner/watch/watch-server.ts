/** @module The loop around `Watch`: reads a server's snapshots, changes its settings, and keeps a journal. */
import {
  type InstanceSnapshot,
  type LatencyName,
  type LatencyWindow,
  type Percentiles,
  recentWindowSeconds,
  type Snapshot,
} from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import type { Goal } from "../goal/goal.ts";
import { railsFor } from "./guard-rails.ts";
import {
  type Action,
  type GuardRails,
  type Moment,
  Watch,
  type WatchedSettings,
  type WindowObservation,
} from "./watch.ts";

export interface WatchedServer {
  snapshot(): Promise<Snapshot>;
  /** Rejects where the settings were changed since `revision`. */
  change(settings: Partial<WatchedSettings>, revision: number): Promise<void>;
  revision(): Promise<number>;
}

export interface WatchHooks {
  /** @param seen the window that the action rests on */
  readonly onAction: (action: Action, seen: WindowObservation) => void;
  /** Resolves after so many milliseconds, or rejects with the reason of a stop. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** The shortest window of a snapshot's percentiles, and the one that a setting is tried out for. */
const minuteSeconds = 60;
const looksInMinute = minuteSeconds / recentWindowSeconds;

/** Runs until `sleep` rejects. */
export async function watchServer(
  server: WatchedServer,
  goal: Goal,
  stated: Partial<GuardRails>,
  { onAction, sleep }: WatchHooks,
): Promise<never> {
  const first = await server.snapshot();
  const { requested, ceilings } = settingsIn(first);
  const watch = new Watch(goal, railsFor(stated, requested, ceilings));
  /** Since the last change, the newest at the end. */
  let snapshots = [first];
  for (let numLooks = 1; ; numLooks++) {
    // A window that lies wholly after the last change.
    await sleep(recentWindowSeconds * 1000);
    const now = await server.snapshot();
    const moment = momentOf(snapshots, now);
    const action = watch.next(moment, numLooks / looksInMinute);
    if (action.kind === "change" || action.kind === "rollback") {
      await server.change(action.change, await server.revision());
      watch.applied(action.change);
      snapshots = [await server.snapshot()];
    } else {
      snapshots = [...snapshots, now].slice(-looksInMinute);
    }
    onAction(action, moment.minute !== null && action.kind !== "rollback" ? moment.minute : moment.recent);
  }
}

function momentOf(snapshots: readonly Snapshot[], now: Snapshot): Moment {
  const last = snapshots.at(-1) ?? now;
  const oldest = snapshots[0] ?? now;
  return {
    recent: windowBetween(last, now, recentLatency),
    minute: snapshots.length < looksInMinute ? null : windowBetween(oldest, now, minuteLatency),
  };
}

const recentLatency = ({ recentLatency: window }: InstanceSnapshot): LatencyWindow | null => window;
const minuteLatency = ({ latency }: InstanceSnapshot): LatencyWindow | null =>
  latency?.find(({ seconds }) => seconds === minuteSeconds) ?? null;

function watchedInstances(snapshot: Snapshot): readonly InstanceSnapshot[] {
  return Object.values(snapshot.instances).filter(({ settings }) => settings !== null);
}

function settingsIn(snapshot: Snapshot): NonNullable<InstanceSnapshot["settings"]> {
  const [first] = watchedInstances(snapshot);
  if (first?.settings != null) return first.settings;
  throw new PagodaError(
    "invalid_option",
    "No instance of the server has settings that change while it runs.",
    {
      hint: "Watch a server of our own engine that has loaded its model.",
    },
  );
}

/** What happened between two snapshots, and the latencies of the last window. */
function windowBetween(
  before: Snapshot,
  now: Snapshot,
  latencyOf: (instance: InstanceSnapshot) => LatencyWindow | null,
): WindowObservation {
  const seconds = Math.max(1, (now.unixMs - before.unixMs) / 1000);
  const totalOf = (
    snapshot: Snapshot,
    name: "numGenerationTokens" | "numPromptTokens" | "numPreemptions",
  ): number => watchedInstances(snapshot).reduce((sum, { totals }) => sum + (totals?.[name] ?? 0), 0);
  const since = (name: Parameters<typeof totalOf>[1]): number =>
    Math.max(0, totalOf(now, name) - totalOf(before, name));
  const instances = watchedInstances(now);
  const windows = instances.map(latencyOf).filter((window) => window !== null);
  const of = (name: LatencyName): Percentiles => worstOf(windows.map((window) => window[name]));
  const [ttft, itl, endToEnd] = [of("timeToFirstToken"), of("interToken"), of("endToEnd")];
  const windowSeconds = windows[0]?.seconds ?? seconds;
  const settings = settingsIn(now);
  return {
    outcome: {
      figures: {
        numRequests: ttft.count,
        seconds,
        outputTokensPerSecond: since("numGenerationTokens") / seconds,
        requestsPerSecond: endToEnd.count / windowSeconds,
        p50TtftMs: ttft.p50Ms,
        p90TtftMs: ttft.p90Ms,
        p99TtftMs: ttft.p99Ms,
        p50ItlMs: itl.p50Ms,
        p99ItlMs: itl.p99Ms,
        p99EndToEndMs: endToEnd.p99Ms,
        numPreemptions: since("numPreemptions"),
        prefixHitRate: 0,
      },
      memoryBytes: 0,
    },
    numGaps: itl.count,
    settings: settings.requested,
    limit: now.bindingLimit.limit,
    numPresent: Math.max(
      0,
      ...instances.map(({ numRunning, numWaiting }) => (numRunning ?? 0) + (numWaiting ?? 0)),
    ),
    load: {
      requestsPerSecond: ttft.count / windowSeconds,
      promptTokensPerSecond: since("numPromptTokens") / seconds,
    },
    veto: vetoOf(before, now),
  };
}

/** All durations of several instances, and the worst percentile of any: a limit is kept where every instance keeps it. */
function worstOf(all: readonly (Percentiles | null)[]): Percentiles {
  const seen = all.filter((percentiles) => percentiles !== null);
  const most = (of: (percentiles: Percentiles) => number): number => Math.max(0, ...seen.map(of));
  return {
    count: seen.reduce((sum, { count }) => sum + count, 0),
    p50Ms: most(({ p50Ms }) => p50Ms),
    p90Ms: most(({ p90Ms }) => p90Ms),
    p99Ms: most(({ p99Ms }) => p99Ms),
  };
}

function vetoOf(before: Snapshot, now: Snapshot): string | null {
  const unready = Object.values(now.instances).find(({ state }) => state !== "ready");
  if (unready !== undefined) return `${unready.instanceId} is ${unready.state}.`;
  const [were, are] = [Object.keys(before.instances), Object.keys(now.instances)];
  if (were.length !== are.length) return `${were.length} instances became ${are.length}.`;
  if (now.uptimeSeconds < recentWindowSeconds) return "The server started within the window.";
  return null;
}
