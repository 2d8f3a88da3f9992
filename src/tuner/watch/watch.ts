/**
 * @module Keeps tuning the live settings of a server: one change at a time, inside guard rails, each judged against the
 * window before it and taken back when the goal got worse. A missed limit is answered after a window of seconds, and a
 * setting is tried out for a whole minute. Decides only; `watch-server.ts` asks and changes.
 */
import type { LimitName } from "../../api/admin/observatory/index.ts";
import { figureOf, type Goal, type MetricName, metricOf, type Outcome, violationOf } from "../goal/goal.ts";

/** The settings that are moved; each is a number of `PATCH /admin/settings`. */
export const watchedSettings = ["maxStepMs", "maxNumBatchedTokens", "maxNumSeqs"] as const;
export type WatchedSetting = (typeof watchedSettings)[number];
export type WatchedSettings = Readonly<Record<WatchedSetting, number>>;
/** Least and most of each. */
export type GuardRails = Readonly<Record<WatchedSetting, readonly [number, number]>>;

/** What one window showed. */
export interface WindowObservation {
  readonly outcome: Outcome;
  /** Durations between two tokens that were seen; `outcome.figures.numRequests` counts the requests. */
  readonly numGaps: number;
  readonly settings: WatchedSettings;
  readonly limit: LimitName;
  /** Requests that run or wait at the end of the window. */
  readonly numPresent: number;
  /** What clients asked for. */
  readonly load: { readonly requestsPerSecond: number; readonly promptTokensPerSecond: number };
  /** Another program, or a start or an end of an instance, makes the window no evidence; null: it is. */
  readonly veto: string | null;
}

/** What is known at one moment. */
export interface Moment {
  /** The last seconds. */
  readonly recent: WindowObservation;
  /** The last minute; null: a part of it lies before the last change. */
  readonly minute: WindowObservation | null;
}

export type Action =
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "keep"; readonly why: string }
  | { readonly kind: "change" | "rollback"; readonly change: Partial<WatchedSettings>; readonly why: string };

interface Pending {
  readonly before: WindowObservation;
  readonly change: Partial<WatchedSettings>;
  readonly move: Move;
  /** Limits were missed, and the change was to help; else it was tried out. */
  readonly isRepair: boolean;
}

type Move = readonly [setting: WatchedSetting, direction: "up" | "down"];

/** A window with fewer says nothing about percentiles. */
const leastRequests = 20;
const leastGaps = 100;
/** How much worse the figure to improve may be by chance. */
const tolerance = 0.05;
/** A load that differs by more than this is another load. */
const sameLoad = 0.5;
/** For how long a change that was taken back is not tried again, and one that changed nothing. */
const harmfulMinutes = 15;
const uselessMinutes = 1;
const factor = 2;
/** Of a limit, for what is to stay below it. */
const margin = 0.85;
/** By how much twice the seats may lengthen a step. */
const seatGrowth = 1.4;

export class Watch {
  readonly #goal: Goal;
  readonly #rails: GuardRails;
  #pending: Pending | null = null;
  #settings: WatchedSettings | null = null;
  /** Minutes of `next` until which a move is not tried. */
  readonly #quarantine = new Map<string, number>();
  #minutes = 0;

  constructor(goal: Goal, rails: GuardRails) {
    this.#goal = goal;
    this.#rails = rails;
  }

  /** @param minutes since the watch began */
  next({ recent, minute }: Moment, minutes: number): Action {
    this.#minutes = minutes;
    const others = this.#changedByOthers(recent.settings);
    this.#settings = recent.settings;
    if (others) {
      this.#pending = null;
      return { kind: "wait", why: "Somebody else changed the settings: they are the new starting point." };
    }
    if (recent.veto !== null) return { kind: "wait", why: recent.veto };
    const pending = this.#pending;
    if (this.#missed(recent).length > 0)
      return pending === null ? this.#repaired(recent, recent.settings) : this.#judgeMissed(pending, recent);
    if (minute === null || minute.veto !== null)
      return {
        kind: "wait",
        why: `${this.#reason(recent)}; a whole minute is not over since the last change.`,
      };
    const { numRequests } = minute.outcome.figures;
    if (numRequests < leastRequests)
      return { kind: "wait", why: `${numRequests} requests in the minute are too few to judge by.` };
    return pending === null ? this.#tried(minute) : this.#judge(pending, minute);
  }

  /** To be called when an action was carried out. */
  applied(change: Partial<WatchedSettings>): void {
    if (this.#settings !== null) this.#settings = { ...this.#settings, ...change };
  }

  #changedByOthers(settings: WatchedSettings): boolean {
    const known = this.#settings;
    return known !== null && watchedSettings.some((name) => known[name] !== settings[name]);
  }

  /** The goal holds after the change. */
  #judge(pending: Pending, after: WindowObservation): Action {
    this.#pending = null;
    const why = pending.isRepair ? null : this.#whyWorse(pending.before, after);
    return why === null
      ? { kind: "keep", why: `${textOf(pending.change)} is kept.` }
      : this.#rolledBack(pending, why);
  }

  /** Limits are missed after the change. One that helped is followed by the next; one that changed nothing gives way. */
  #judgeMissed(pending: Pending, after: WindowObservation): Action {
    const { before, change, move, isRepair } = pending;
    const [was, is] = [violationOf(this.#goal, before.outcome), violationOf(this.#goal, after.outcome)];
    this.#pending = null;
    if (!isSameLoad(before, after)) return this.#repaired(after, after.settings);
    if (!isRepair || is > was * (1 + tolerance) + tolerance)
      return this.#rolledBack(
        pending,
        `limits are missed by ${percent(is)} after it and by ${percent(was)} before.`,
      );
    if (is < was * (1 - tolerance)) return this.#repaired(after, after.settings);
    this.#keepFrom(move, uselessMinutes);
    const next = this.#repaired(after, { ...after.settings, ...takenBack(change, before) });
    if (next.kind !== "change") return next;
    return {
      ...next,
      change: { ...takenBack(change, before), ...next.change },
      why: `${textOf(change)} changed nothing and is taken back. ${next.why}`,
    };
  }

  #rolledBack({ before, change, move }: Pending, why: string): Action {
    this.#keepFrom(move, harmfulMinutes);
    return {
      kind: "rollback",
      change: takenBack(change, before),
      why: `${textOf(change)} is taken back: ${why}`,
    };
  }

  #keepFrom(move: Move, minutes: number): void {
    this.#quarantine.set(move.join(" "), this.#minutes + minutes);
  }

  /** null: it is no worse. */
  #whyWorse(before: WindowObservation, after: WindowObservation): string | null {
    // Under another load the goal alone decides.
    if (!isSameLoad(before, after)) return null;
    const { objective } = this.#goal;
    const [a, b] = [figureOf(objective, before.outcome), figureOf(objective, after.outcome)];
    const gain = metricOf(objective).better === "higher" ? b / a - 1 : a / b - 1;
    return gain < -tolerance ? `${objective} got worse by ${percent(-gain)}.` : null;
  }

  /** @param from the settings to change, where something is taken back at the same time */
  #repaired(seen: WindowObservation, from: WatchedSettings): Action {
    return this.#proposed(seen, from, true, this.#repairs(seen));
  }

  /** While the goal holds: what binds is relieved. */
  #tried(seen: WindowObservation): Action {
    const relief = reliefs[seen.limit];
    const moves: Move[] = relief === undefined || !this.#hasHeadroom(seen, relief) ? [] : [[relief, "up"]];
    return this.#proposed(seen, seen.settings, false, moves);
  }

  #proposed(
    seen: WindowObservation,
    from: WatchedSettings,
    isRepair: boolean,
    moves: readonly Move[],
  ): Action {
    for (const move of moves) {
      const [setting] = move;
      const to = this.#moved(from, move, seen, isRepair);
      if (to === from[setting] || (this.#quarantine.get(move.join(" ")) ?? 0) > this.#minutes) continue;
      const change = { [setting]: to };
      this.#pending = { before: { ...seen, settings: from }, change, move, isRepair };
      return { kind: "change", change, why: `${this.#reason(seen)}: ${setting} ${from[setting]} → ${to}.` };
    }
    return { kind: "wait", why: `${this.#reason(seen)}; there is nothing to try inside the guard rails.` };
  }

  /** What may help where limits are missed, the likeliest first. */
  #repairs(seen: WindowObservation): readonly Move[] {
    if (this.#missed(seen).some((metric) => metric.endsWith("-itl")))
      return [
        ["maxStepMs", "down"],
        ["maxNumBatchedTokens", "down"],
        ["maxNumSeqs", "down"],
      ];
    const relief = reliefs[seen.limit];
    const usual: readonly WatchedSetting[] = ["maxNumSeqs", "maxStepMs", "maxNumBatchedTokens"];
    const settings = relief === undefined ? usual : [relief, ...usual.filter((name) => name !== relief)];
    const isSafe = (name: WatchedSetting): boolean => this.#hasHeadroom(seen, name);
    const safeFirst = [...settings.filter(isSafe), ...settings.filter((name) => !isSafe(name))];
    return safeFirst.map((name) => [name, "up"] as const);
  }

  /** Whether the time between tokens would keep its limits if it grew as the setting does: seats share most of a step. */
  #hasHeadroom({ outcome }: WindowObservation, setting: WatchedSetting): boolean {
    const growth = setting === "maxNumSeqs" ? seatGrowth : factor;
    return this.#goal.constraints.every(
      ({ metric, limit }) => !metric.endsWith("-itl") || figureOf(metric, outcome) * growth <= limit,
    );
  }

  /** Limits that are missed by enough durations to say so. */
  #missed({ outcome, numGaps }: WindowObservation): readonly MetricName[] {
    return this.#goal.constraints
      .filter((constraint) => violationOf({ ...this.#goal, constraints: [constraint] }, outcome) > 0)
      .filter(({ metric }) =>
        metric.endsWith("-itl") ? numGaps >= leastGaps : outcome.figures.numRequests >= leastRequests,
      )
      .map(({ metric }) => metric);
  }

  #reason(seen: WindowObservation): string {
    const missed = this.#missed(seen);
    return missed.length > 0 ? `${missed.join(" and ")} missed` : `The goal holds, and ${seen.limit} binds`;
  }

  /** A repair goes as far at once as arithmetic says; else by a factor of two. */
  #moved(
    settings: WatchedSettings,
    [setting, direction]: Move,
    seen: WindowObservation,
    isRepair: boolean,
  ): number {
    const [least, most] = this.#rails[setting];
    const from = settings[setting];
    const doubled = direction === "up" ? from * factor : from / factor;
    const far = isRepair ? this.#farOf([setting, direction], seen) : null;
    const wanted = Math.round(
      far === null ? doubled : direction === "up" ? Math.max(doubled, far) : Math.min(doubled, far),
    );
    // A step must have room for a token of each sequence.
    const floor = setting === "maxNumBatchedTokens" ? Math.max(least, settings.maxNumSeqs) : least;
    const ceiling = setting === "maxNumSeqs" ? Math.min(most, settings.maxNumBatchedTokens) : most;
    const inside = Math.min(ceiling, Math.max(floor, wanted));
    // A setting that lies outside the rails stays where it is rather than move the other way.
    return direction === "up" ? Math.max(from, inside) : Math.min(from, inside);
  }

  /** Every request that is there gets a seat; a step is no longer than what may lie between two tokens. null: not known. */
  #farOf([setting, direction]: Move, seen: WindowObservation): number | null {
    if (setting === "maxNumSeqs" && direction === "up") return seen.numPresent;
    if (setting !== "maxStepMs" || direction === "up") return null;
    const limits = this.#goal.constraints.filter(({ metric }) => metric.endsWith("-itl"));
    return margin * Math.min(...limits.map(({ limit }) => limit));
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

function takenBack(
  change: Partial<WatchedSettings>,
  { settings }: WindowObservation,
): Partial<WatchedSettings> {
  return Object.fromEntries((Object.keys(change) as WatchedSetting[]).map((name) => [name, settings[name]]));
}

function textOf(change: Partial<WatchedSettings>): string {
  return Object.entries(change)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
