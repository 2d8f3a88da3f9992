/** @module The binding limit of an instance or a server, as a report: shares of time, and a sentence. */
import type {
  BindingLimitReport,
  InstanceSnapshot,
  LimitName,
} from "../../../api/admin/observatory/index.ts";
import type { BindingLimit } from "../../../core/observation/binding-limit.ts";
import { type ReliefFacts, reliefOf } from "./limit-relief.ts";

export interface BoundTime {
  /** Milliseconds of the window. */
  readonly windowMs: number;
  /** Milliseconds of steps by what bound them. */
  readonly limitMs: Readonly<Record<BindingLimit, number>>;
}

const sentences: Readonly<Record<LimitName, string>> = {
  kv_blocks: "Sequences wait for KV blocks, or are preempted for want of them.",
  seats: "All seats are taken, and requests wait for one.",
  step_tokens: "The token budget of a step is used up.",
  step_time: "Prompts are cut so that steps stay short.",
  prefix_wait: "Prompts wait for others that compute the same beginning.",
  clients: "The engine waits for its clients: nobody sends, or answers are not read.",
  compute: "Nothing is held back; steps take their time for computing tokens.",
  memory_bandwidth: "Nothing is held back; steps take their time for reading weights and keys.",
  router_queue: "Requests wait at the router for an instance.",
  idle: "Nothing has been asked for.",
  unknown: "The instance does not report what binds it.",
};

export const unknownLimit: BindingLimitReport = {
  limit: "unknown",
  windowSeconds: 0,
  shares: [],
  sentence: sentences.unknown,
  relief: null,
};

/** Time without a step is the clients' where any step ran in the window, and idle where none did. */
export function bindingReport({ windowMs, limitMs }: BoundTime, facts: ReliefFacts): BindingLimitReport {
  const times = new Map<LimitName, number>(Object.entries(limitMs) as [LimitName, number][]);
  const steppedMs = [...times.values()].reduce((sum, ms) => sum + ms, 0);
  const restMs = Math.max(0, windowMs - steppedMs);
  const rest = steppedMs > 0 ? "clients" : "idle";
  times.set(rest, (times.get(rest) ?? 0) + restMs);
  const report = reportOf(times, windowMs / 1000);
  const relief = reliefOf(report.limit, facts);
  return relief === null
    ? report
    : { ...report, ...relief, sentence: `${report.sentence} ${relief.sentence}` };
}

/**
 * Of a server: the shares of its instances in equal parts. The part of the time for which requests waited at the router
 * counts as the router's, whatever bound the instances meanwhile.
 *
 * @param routerWait null: there is no router
 */
export function serverReport(
  instances: readonly Pick<InstanceSnapshot, "bindingLimit">[],
  routerWait: number | null,
): BindingLimitReport {
  const known = instances.map(({ bindingLimit }) => bindingLimit ?? unknownLimit);
  const reports = known.length === 0 ? [unknownLimit] : known;
  const [only] = reports;
  const atRouter = Math.min(1, Math.max(0, routerWait ?? 0));
  if (reports.length < 2 && atRouter === 0) return only as BindingLimitReport;
  const times = new Map<LimitName, number>([["router_queue", atRouter]]);
  for (const { limit, shares } of reports) {
    const ownShares = shares.length > 0 ? shares : [{ limit, share: 1 }];
    for (const { limit: name, share } of ownShares)
      times.set(name, (times.get(name) ?? 0) + ((1 - atRouter) * share) / reports.length);
  }
  return reportOf(times, Math.max(...reports.map(({ windowSeconds }) => windowSeconds)));
}

/** Shares of the times, largest first. */
export function reportOf(times: ReadonlyMap<LimitName, number>, windowSeconds: number): BindingLimitReport {
  const total = [...times.values()].reduce((sum, ms) => sum + ms, 0);
  const shares = [...times]
    .filter(([, time]) => time > 0)
    .map(([limit, time]) => ({ limit, share: time / total }))
    .sort((a, b) => b.share - a.share);
  const limit = shares[0]?.limit ?? "unknown";
  return { limit, windowSeconds, shares, sentence: sentences[limit], relief: null };
}
