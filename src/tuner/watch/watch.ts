/**
 * @module Keeps tuning the live settings of a server: one change at a time, inside guard rails, each judged against the
 * window before it and taken back when the goal got worse. Decides only; `watch-server.ts` asks and changes.
 */
import type { LimitName } from "../../api/admin/observatory/index.ts";
import { figureOf, type Goal, metricOf, type Outcome, violationOf } from "../goal/goal.ts";

/** The settings that are moved; each is a number of `PATCH /admin/settings`. */
export const watchedSettings = ["maxStepMs", "maxNumBatchedTokens", "maxNumSeqs"] as const;
export type WatchedSetting = (typeof watchedSettings)[number];
export type WatchedSettings = Readonly<Record<WatchedSetting, number>>;
/** Least and most of each. */
export type GuardRails = Readonly<Record<WatchedSetting, readonly [number, number]>>;

/** What one window showed. */
export interface WindowObservation {
  readonly outcome: Outcome;
  readonly settings: WatchedSettings;
  readonly limit: LimitName;
  /** What clients asked for. */
  readonly load: { readonly requestsPerSecond: number; readonly promptTokensPerSecond: number };
  /** Another program, or a start or an end of an instance, makes the window no evidence; null: it is. */
  readonly veto: string | null;
}

export type Action =
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "keep"; readonly why: string }
  | { readonly kind: "change" | "rollback"; readonly change: Partial<WatchedSettings>; readonly why: string };

interface Pending {
  readonly before: WindowObservation;
  readonly change: Partial<WatchedSettings>;
  readonly key: string;
}

/** A window with fewer requests says nothing about percentiles. */
const leastRequests = 20;
/** How much worse the figure to improve may be by chance. */
const tolerance = 0.05;
/** A load that differs by more than this is another load. */
const sameLoad = 0.5;
/** Windows for which a change that was taken back is not tried again. */
const quarantineWindows = 15;
const factor = 2;
/** By how much twice the seats may lengthen a step. */
const seatGrowth = 1.4;

export class Watch {
  readonly #goal: Goal;
  readonly #rails: GuardRails;
  #pending: Pending | null = null;
  #settings: WatchedSettings | null = null;
  readonly #quarantine = new Map<string, number>();
  #numWindows = 0;

  constructor(goal: Goal, rails: GuardRails) {
    this.#goal = goal;
    this.#rails = rails;
  }

  /** Called once for each window that lies wholly after the last action. */
  next(seen: WindowObservation): Action {
    this.#numWindows++;
    const others = this.#changedByOthers(seen.settings);
    this.#settings = seen.settings;
    if (others) {
      this.#pending = null;
      return { kind: "wait", why: "Somebody else changed the settings: they are the new starting point." };
    }
    if (seen.veto !== null) return { kind: "wait", why: seen.veto };
    if (seen.outcome.figures.numRequests < leastRequests)
      return {
        kind: "wait",
        why: `${seen.outcome.figures.numRequests} requests in the window are too few to judge by.`,
      };
    return this.#pending === null ? this.#propose(seen) : this.#judge(this.#pending, seen);
  }

  /** To be called when an action was carried out. */
  applied(change: Partial<WatchedSettings>): void {
    if (this.#settings !== null) this.#settings = { ...this.#settings, ...change };
  }

  #changedByOthers(settings: WatchedSettings): boolean {
    const known = this.#settings;
    return known !== null && watchedSettings.some((name) => known[name] !== settings[name]);
  }

  #judge({ before, change, key }: Pending, after: WindowObservation): Action {
    this.#pending = null;
    const why = this.#whyWorse(before, after);
    if (why === null) return { kind: "keep", why: `${textOf(change)} is kept.` };
    this.#quarantine.set(key, this.#numWindows + quarantineWindows);
    const back = Object.fromEntries(
      (Object.keys(change) as WatchedSetting[]).map((name) => [name, before.settings[name]]),
    );
    return { kind: "rollback", change: back, why: `${textOf(change)} is taken back: ${why}` };
  }

  /** null: it is no worse. Under another load the goal alone decides. */
  #whyWorse(before: WindowObservation, after: WindowObservation): string | null {
    const [was, is] = [violationOf(this.#goal, before.outcome), violationOf(this.#goal, after.outcome)];
    if (!isSameLoad(before, after))
      return is > 0 ? "the load is another one, and the goal is missed under it." : null;
    if (is > was * (1 + tolerance) && is > tolerance)
      return `limits are missed by ${percent(is)} after it and by ${percent(was)} before.`;
    // No better and no worse: where limits are missed, the next step in this direction may do it.
    if (was > 0) return null;
    const { objective } = this.#goal;
    const [a, b] = [figureOf(objective, before.outcome), figureOf(objective, after.outcome)];
    const gain = metricOf(objective).better === "higher" ? b / a - 1 : a / b - 1;
    return gain < -tolerance ? `${objective} got worse by ${percent(-gain)}.` : null;
  }

  #propose(seen: WindowObservation): Action {
    for (const [setting, direction] of this.#moves(seen)) {
      const from = seen.settings[setting];
      const to = this.#moved(seen.settings, setting, direction);
      const key = `${setting} ${direction}`;
      if (to === from || (this.#quarantine.get(key) ?? 0) >= this.#numWindows) continue;
      const change = { [setting]: to };
      this.#pending = { before: seen, change, key };
      return { kind: "change", change, why: `${this.#reason(seen)}: ${setting} ${from} → ${to}.` };
    }
    return { kind: "wait", why: `${this.#reason(seen)}; there is nothing to try inside the guard rails.` };
  }

  /** What may help, the likeliest first. */
  #moves(seen: WindowObservation): readonly (readonly [WatchedSetting, "up" | "down"])[] {
    const missed = this.#missed(seen);
    if (missed.some((metric) => metric.endsWith("-itl")))
      return [
        ["maxStepMs", "down"],
        ["maxNumBatchedTokens", "down"],
        ["maxNumSeqs", "down"],
      ];
    if (missed.length > 0)
      return [
        ["maxNumSeqs", "up"],
        ["maxStepMs", "up"],
        ["maxNumBatchedTokens", "up"],
      ];
    const relief = reliefs[seen.limit];
    return relief === undefined || !this.#hasHeadroom(seen, relief) ? [] : [[relief, "up"]];
  }

  /** Whether the time between tokens would keep its limits if it grew as the setting does: seats share most of a step. */
  #hasHeadroom({ outcome }: WindowObservation, setting: WatchedSetting): boolean {
    const growth = setting === "maxNumSeqs" ? seatGrowth : factor;
    return this.#goal.constraints.every(
      ({ metric, limit }) => !metric.endsWith("-itl") || figureOf(metric, outcome) * growth <= limit,
    );
  }

  #missed({ outcome }: WindowObservation): readonly string[] {
    return this.#goal.constraints
      .filter((constraint) => violationOf({ ...this.#goal, constraints: [constraint] }, outcome) > 0)
      .map(({ metric }) => metric);
  }

  #reason(seen: WindowObservation): string {
    const missed = this.#missed(seen);
    return missed.length > 0 ? `${missed.join(" and ")} missed` : `The goal holds, and ${seen.limit} binds`;
  }

  #moved(settings: WatchedSettings, setting: WatchedSetting, direction: "up" | "down"): number {
    const [least, most] = this.#rails[setting];
    const from = settings[setting];
    const wanted = Math.round(direction === "up" ? from * factor : from / factor);
    // A step must have room for a token of each sequence.
    const floor = setting === "maxNumBatchedTokens" ? Math.max(least, settings.maxNumSeqs) : least;
    const ceiling = setting === "maxNumSeqs" ? Math.min(most, settings.maxNumBatchedTokens) : most;
    const inside = Math.min(ceiling, Math.max(floor, wanted));
    // A setting that lies outside the rails stays where it is rather than move the other way.
    return direction === "up" ? Math.max(from, inside) : Math.min(from, inside);
  }
}

const reliefs: Readonly<Partial<Record<LimitName, WatchedSetting>>> = {
  seats: "maxNumSeqs",
  step_tokens: "maxNumBatchedTokens",
  step_time: "maxStepMs",
};

function isSameLoad(before: WindowObservation, after: WindowObservation): boolean {
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= sameLoad * Math.max(a, b);
  return (
    near(before.load.requestsPerSecond, after.load.requestsPerSecond) &&
    near(before.load.promptTokensPerSecond, after.load.promptTokensPerSecond)
  );
}

function textOf(change: Partial<WatchedSettings>): string {
  return Object.entries(change)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
