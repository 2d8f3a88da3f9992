/** @module The loop around `Watch`: reads a server's snapshots, changes its settings, and keeps a journal. */
import type { InstanceSnapshot, Snapshot } from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import type { Goal } from "../goal/goal.ts";
import { railsFor } from "./guard-rails.ts";
import {
  type Action,
  type GuardRails,
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
  readonly onAction: (action: Action, seen: WindowObservation) => void;
  /** Resolves after so many milliseconds, or rejects with the reason of a stop. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** The shortest window of a snapshot's latencies. */
const windowSeconds = 60;

/** Runs until `sleep` rejects. */
export async function watchServer(
  server: WatchedServer,
  goal: Goal,
  stated: Partial<GuardRails>,
  { onAction, sleep }: WatchHooks,
): Promise<never> {
  let before = await server.snapshot();
  const { requested, ceilings } = settingsIn(before);
  const watch = new Watch(goal, railsFor(stated, requested, ceilings));
  for (;;) {
    // A window that lies wholly after the last change.
    await sleep(windowSeconds * 1000);
    const now = await server.snapshot();
    const seen = windowBetween(before, now);
    const action = watch.next(seen);
    if (action.kind === "change" || action.kind === "rollback") {
      await server.change(action.change, await server.revision());
      watch.applied(action.change);
      before = await server.snapshot();
    } else before = now;
    onAction(action, seen);
  }
}

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

/** What happened between two snapshots that are one window apart. */
function windowBetween(before: Snapshot, now: Snapshot): WindowObservation {
  const seconds = Math.max(1, (now.unixMs - before.unixMs) / 1000);
  const totalOf = (
    snapshot: Snapshot,
    name: "numGenerationTokens" | "numPromptTokens" | "numPreemptions",
  ): number => watchedInstances(snapshot).reduce((sum, { totals }) => sum + (totals?.[name] ?? 0), 0);
  const since = (name: Parameters<typeof totalOf>[1]): number =>
    Math.max(0, totalOf(now, name) - totalOf(before, name));
  const latency = now.latency.find((window) => window.seconds === windowSeconds);
  const [ttft, itl, endToEnd] = [latency?.timeToFirstToken, latency?.interToken, latency?.endToEnd];
  const settings = settingsIn(now);
  return {
    outcome: {
      figures: {
        numRequests: ttft?.count ?? 0,
        seconds,
        outputTokensPerSecond: since("numGenerationTokens") / seconds,
        requestsPerSecond: (endToEnd?.count ?? 0) / windowSeconds,
        p50TtftMs: ttft?.p50Ms ?? 0,
        p90TtftMs: ttft?.p90Ms ?? 0,
        p99TtftMs: ttft?.p99Ms ?? 0,
        p50ItlMs: itl?.p50Ms ?? 0,
        p99ItlMs: itl?.p99Ms ?? 0,
        p99EndToEndMs: endToEnd?.p99Ms ?? 0,
        numPreemptions: since("numPreemptions"),
        prefixHitRate: 0,
      },
      memoryBytes: 0,
    },
    settings: settings.requested,
    limit: now.bindingLimit.limit,
    load: {
      requestsPerSecond: (ttft?.count ?? 0) / windowSeconds,
      promptTokensPerSecond: since("numPromptTokens") / seconds,
    },
    veto: vetoOf(before, now),
  };
}

function vetoOf(before: Snapshot, now: Snapshot): string | null {
  const unready = Object.values(now.instances).find(({ state }) => state !== "ready");
  if (unready !== undefined) return `${unready.instanceId} is ${unready.state}.`;
  const [were, are] = [Object.keys(before.instances), Object.keys(now.instances)];
  if (were.length !== are.length) return `${were.length} instances became ${are.length}.`;
  if (now.uptimeSeconds < windowSeconds) return "The server started within the window.";
  return null;
}
