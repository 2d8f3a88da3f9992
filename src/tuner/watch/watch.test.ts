import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LimitName } from "../../api/admin/observatory/index.ts";
import { type Goal, parseConstraints, violationOf } from "../goal/goal.ts";
import { figuresOf, type LoadFigures } from "../traffic/figures.ts";
import { parseRails, railsFor } from "./guard-rails.ts";
import {
  type Action,
  type GuardRails,
  type Moment,
  Watch,
  type WatchedSettings,
  type WindowObservation,
} from "./watch.ts";

const base: LoadFigures = figuresOf(
  [{ arrivedMs: 0, firstTokenMs: 100, finishedMs: 1000, interTokenMs: [100, 200], numOutputTokens: 3 }],
  { numPreemptions: 0, numQueryTokens: 0, numHitTokens: 0, startedMs: 0 },
);
const goal: Goal = { objective: "tokens/s", constraints: parseConstraints("p99-itl<100ms,p99-ttft<2s") };
const rails: GuardRails = { maxStepMs: [20, 400], maxNumBatchedTokens: [64, 1024], maxNumSeqs: [2, 64] };

interface Load {
  /** Requests a second, and tokens of each prompt. */
  readonly rate: number;
  readonly prompt: number;
}

/** A server as arithmetic: a step lasts as long as it may while prompts come; few seats or short steps keep prompts waiting. */
function served(load: Load, settings: WatchedSettings): WindowObservation {
  const promptTokens = load.rate * load.prompt;
  const stepTokens = Math.min(settings.maxNumBatchedTokens, settings.maxStepMs);
  const stepMs = 10 + Math.min(stepTokens, promptTokens);
  const capacity = (1000 / stepMs) * stepTokens;
  const isBehind = promptTokens > capacity;
  const seatsNeeded = load.rate * 2;
  const isCrowded = seatsNeeded > settings.maxNumSeqs;
  const limit: LimitName = isCrowded ? "seats" : stepTokens < promptTokens ? "step_time" : "compute";
  return {
    outcome: {
      figures: {
        ...base,
        numRequests: load.rate * 60,
        outputTokensPerSecond: 50 * Math.min(load.rate, settings.maxNumSeqs / 2),
        p99ItlMs: stepMs,
        p99TtftMs: 300 + (isBehind ? 4000 : 0) + (isCrowded ? 3000 : 0),
      },
      memoryBytes: 0,
    },
    numGaps: load.rate * 60 * 40,
    settings,
    limit,
    numPresent: seatsNeeded,
    load: { requestsPerSecond: load.rate, promptTokensPerSecond: promptTokens },
    veto: null,
  };
}

/** A look every quarter of a minute; a whole minute is known when four have passed since the last change. */
function run(loads: readonly Load[], start: WatchedSettings) {
  const watch = new Watch(goal, rails);
  let settings = start;
  let numLooks = 0;
  const actions: Action[] = [];
  const holds: boolean[] = [];
  for (const [index, load] of loads.entries()) {
    const seen = served(load, settings);
    holds.push(violationOf(goal, seen.outcome) === 0);
    const action = watch.next({ recent: seen, minute: ++numLooks >= 4 ? seen : null }, (index + 1) / 4);
    actions.push(action);
    if ("change" in action) {
      settings = { ...settings, ...action.change };
      watch.applied(action.change);
      numLooks = 0;
    }
    for (const [name, [least, most]] of Object.entries(rails)) {
      const value = settings[name as keyof WatchedSettings];
      assert.ok(value >= least && value <= most, `${name} ${value}`);
    }
  }
  return { settings, actions, holds };
}

const times = (count: number, load: Load): Load[] => Array.from({ length: count }, () => load);
const start: WatchedSettings = { maxStepMs: 300, maxNumBatchedTokens: 512, maxNumSeqs: 32 };

/** A look after a whole minute. */
const whole = (seen: WindowObservation): Moment => ({ recent: seen, minute: seen });
/** A look after seconds. */
const early = (seen: WindowObservation): Moment => ({ recent: seen, minute: null });

describe("a watch", () => {
  it("shortens steps until the limit holds, and leaves them there", () => {
    const { settings, holds } = run(times(12, { rate: 1, prompt: 400 }), start);
    assert.ok(settings.maxStepMs <= 90);
    assert.deepEqual(
      holds.slice(1),
      holds.slice(1).map(() => true),
    );
  });

  it("holds the goal from the second minute on under a load that changes its shape three times", () => {
    const loads = [
      ...times(20, { rate: 1, prompt: 60 }),
      ...times(20, { rate: 1, prompt: 500 }),
      ...times(20, { rate: 10, prompt: 8 }),
      ...times(20, { rate: 2, prompt: 100 }),
    ];
    const { holds } = run(loads, { maxStepMs: 300, maxNumBatchedTokens: 512, maxNumSeqs: 4 });
    for (const from of [0, 20, 40, 60])
      assert.deepEqual(holds.slice(from + 4, from + 20), Array(16).fill(true), `from ${from}: ${holds}`);
  });

  it("takes back what makes the goal worse, and does not try it again soon", () => {
    const watch = new Watch({ objective: "tokens/s", constraints: [] }, rails);
    const seen = (tokens: number, settings: WatchedSettings): Moment =>
      whole({
        ...served({ rate: 1, prompt: 10 }, settings),
        outcome: { figures: { ...base, numRequests: 60, outputTokensPerSecond: tokens }, memoryBytes: 0 },
        limit: "seats",
      });
    const change = watch.next(seen(100, start), 1);
    assert.deepEqual(change.kind === "change" && change.change, { maxNumSeqs: 64 });
    watch.applied({ maxNumSeqs: 64 });
    const back = watch.next(seen(90, { ...start, maxNumSeqs: 64 }), 2);
    assert.deepEqual(back.kind === "rollback" && back.change, { maxNumSeqs: 32 });
    assert.match(back.why, /tokens\/s got worse by 10 %/);
    watch.applied({ maxNumSeqs: 32 });
    for (let minutes = 3; minutes < 17; minutes++)
      assert.equal(watch.next(seen(100, start), minutes).kind, "wait");
    assert.equal(watch.next(seen(100, start), 17).kind, "change");
  });

  it("takes back within seconds what was tried out and breaks a limit", () => {
    const watch = new Watch(goal, rails);
    const calm = { ...served({ rate: 1, prompt: 10 }, start), limit: "seats" as const };
    assert.equal(watch.next(early(calm), 0.25).kind, "wait");
    assert.equal(watch.next(whole(calm), 1).kind, "change");
    watch.applied({ maxNumSeqs: 64 });
    const worse = { ...calm, settings: { ...start, maxNumSeqs: 64 } };
    const figures = { ...calm.outcome.figures, p99ItlMs: 140 };
    const back = watch.next(early({ ...worse, outcome: { figures, memoryBytes: 0 } }), 1.25);
    assert.deepEqual(back.kind === "rollback" && back.change, { maxNumSeqs: 32 });
    assert.match(back.why, /limits are missed by 40 % after it and by 0 % before/);
  });

  it("takes back a repair that changed nothing together with the next one", () => {
    const watch = new Watch(goal, rails);
    const slow = (settings: WatchedSettings): Moment => {
      const seen = served({ rate: 1, prompt: 10 }, settings);
      return early({
        ...seen,
        outcome: { ...seen.outcome, figures: { ...seen.outcome.figures, p99ItlMs: 150 } },
      });
    };
    const first = watch.next(slow(start), 0.25);
    assert.deepEqual(first.kind === "change" && first.change, { maxStepMs: 85 });
    watch.applied({ maxStepMs: 85 });
    const second = watch.next(slow({ ...start, maxStepMs: 85 }), 0.5);
    assert.deepEqual(second.kind === "change" && second.change, { maxStepMs: 300, maxNumBatchedTokens: 256 });
    assert.match(second.why, /^maxStepMs 85 changed nothing and is taken back\./);
  });

  it("gives a seat to every request that is there where first tokens come too late", () => {
    const { actions } = run(times(2, { rate: 10, prompt: 4 }), { ...start, maxNumSeqs: 2 });
    assert.deepEqual(actions[0]?.kind === "change" && actions[0].change, { maxNumSeqs: 20 });
  });

  it("judges by the goal alone when the load became another one", () => {
    const watch = new Watch(goal, rails);
    const heavy = served({ rate: 1, prompt: 600 }, start);
    const change = watch.next(whole(heavy), 1);
    assert.equal(change.kind, "change");
    watch.applied({ maxStepMs: 85 });
    const light = served({ rate: 5, prompt: 2 }, { ...start, maxStepMs: 85 });
    assert.equal(watch.next(whole(light), 2).kind, "keep");
  });

  it("waits where a window is no evidence, and takes changes of others as they are", () => {
    const watch = new Watch(goal, rails);
    const seen = served({ rate: 1, prompt: 600 }, start);
    assert.match(watch.next(whole({ ...seen, veto: "a-0 is draining." }), 1).why, /draining/);
    const few = { ...seen, numGaps: 20, outcome: { ...seen.outcome, figures: { ...base, numRequests: 3 } } };
    assert.match(watch.next(whole(few), 2).why, /3 requests in the minute are too few/);
    const others = { ...seen, settings: { ...start, maxNumSeqs: 8 } };
    assert.match(watch.next(whole(others), 3).why, /Somebody else/);
    assert.equal(watch.next(whole(others), 4).kind, "change");
  });
});

describe("guard rails", () => {
  it("are stated, or a quarter to four times of what is in force, up to what was allocated", () => {
    const stated = parseRails("max-num-seqs=4:8,max-step-ms=10:50");
    assert.deepEqual(stated, { maxNumSeqs: [4, 8], maxStepMs: [10, 50] });
    assert.deepEqual(railsFor(stated, start, { maxNumBatchedTokens: 512, maxNumSeqs: 6 }), {
      maxNumSeqs: [4, 6],
      maxStepMs: [10, 50],
      maxNumBatchedTokens: [128, 512],
    });
    for (const text of ["max-num-seqs=8", "max-num-seqs=8:4", "memory=1:2"])
      assert.throws(() => parseRails(text), /not a guard rail/);
  });
});
