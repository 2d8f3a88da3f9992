import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { type Goal, parseConstraints } from "../goal/goal.ts";
import { figuresOf, type LoadFigures } from "../traffic/figures.ts";
import { isSaturated } from "../traffic/saturation.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { compareRounds, meanWithInterval } from "./paired-comparison.ts";
import { type Contender, numChallengersFor, Tournament, type TournamentResult } from "./tournament.ts";

const base: LoadFigures = figuresOf(
  [{ arrivedMs: 0, firstTokenMs: 100, finishedMs: 1000, interTokenMs: [100, 200], numOutputTokens: 3 }],
  { numPreemptions: 0, numQueryTokens: 0, numHitTokens: 0, startedMs: 0 },
);
const outcome = (outputTokensPerSecond: number, p99TtftMs = 100) => ({
  figures: { ...base, outputTokensPerSecond, p99TtftMs },
  memoryBytes: 1e9,
});
const fastest: Goal = { objective: "tokens/s", constraints: [] };

describe("a comparison in rounds", () => {
  it("has Student's interval", () => {
    const { mean, low, high } = meanWithInterval([1, 2, 3]);
    assert.ok(Math.abs(mean - 2) < 1e-12);
    // 6.965 · 1 / √3
    assert.ok(Math.abs(high - 6.0212) < 1e-3 && Math.abs(low + 2.0212) < 1e-3);
  });

  it("cancels what changes from round to round, and decides from three rounds on", () => {
    const rounds = [
      [100, 110],
      [50, 56],
      [200, 219],
    ].map(([a, b]) => ({ present: outcome(a ?? 0), challenger: outcome(b ?? 0) }));
    assert.equal(compareRounds(fastest, rounds.slice(0, 2)).verdict, "undecided");
    assert.equal(compareRounds(fastest, rounds).verdict, "better");
    const swapped = rounds.map(({ present, challenger }) => ({ present: challenger, challenger: present }));
    assert.equal(compareRounds(fastest, swapped).verdict, "not better");
  });

  it("refuses what breaks a limit, and takes what keeps it at the cost of speed", () => {
    const goal: Goal = { objective: "tokens/s", constraints: parseConstraints("p99-ttft<200ms") };
    const late = [310, 300, 305].map((ttft) => outcome(200, ttft));
    const prompt = [110, 100, 105].map((ttft) => outcome(100, ttft));
    const pairs = (a: typeof late, b: typeof late) =>
      a.map((present, i) => ({ present, challenger: b[i] ?? present }));
    assert.equal(compareRounds(goal, pairs(prompt, late)).verdict, "not better");
    const comparison = compareRounds(goal, pairs(late, prompt));
    assert.deepEqual([comparison.verdict, comparison.of], ["better", "limits"]);
  });
});

describe("saturation", () => {
  const requests = (ttftOf: (i: number) => number) =>
    Array.from({ length: 60 }, (_, i) => ({
      arrivedMs: i * 100,
      firstTokenMs: i * 100 + ttftOf(i),
      finishedMs: 0,
      interTokenMs: [],
      numOutputTokens: 1,
    }));

  it("is a time to the first token that grows all along", () => {
    assert.ok(isSaturated(requests((i) => 50 + 40 * i)));
    assert.ok(!isSaturated(requests((i) => 50 + 20 * (i % 5))));
    assert.ok(!isSaturated(requests((i) => 500 + i)));
  });
});

/** A setting whose speed is known but for noise of a few percent, which a machine has. */
function contender(flags: string, speed: number, noise: () => number): Contender & { numMeasured: number } {
  return {
    flags,
    memoryBytes: 1e9,
    numMeasured: 0,
    async measure(traffic) {
      this.numMeasured++;
      // The load decides too: both of a round see the same one.
      const ofLoad = 1 + 0.2 * Math.sin(traffic.requests.length);
      const outputTokensPerSecond = speed * ofLoad * (0.97 + 0.06 * noise());
      return {
        figures: { ...base, outputTokensPerSecond },
        limitMs: null,
        otherCpuShare: 0,
        isSaturated: false,
      };
    },
    predict: () => null,
  };
}

const trafficOf = (seed: number): Traffic => ({
  requests: Array.from({ length: seed }, () => ({
    promptTokenIds: new Int32Array(1),
    numOutputTokens: 1,
    arrivesMs: 0,
  })),
  numUsers: 1,
  isTimed: false,
  description: "",
});

function tournament(
  speeds: readonly number[],
  seed: number,
  maxTrials = 20,
): Promise<TournamentResult & { presentTrials: number }> {
  const noise = seededUniform(seed);
  const present = contender("", 100, noise);
  const inputs = {
    goal: fastest,
    traffic: trafficOf,
    firstSeed: 1,
    maxTrials,
    onTrial: () => undefined,
    stop: new AbortController().signal,
  };
  const challengers = speeds.map((speed, i) => contender(`--x ${i}`, speed, noise));
  return new Tournament(present, inputs)
    .run(challengers)
    .then((result) => ({ ...result, presentTrials: present.numMeasured }));
}

describe("a tournament", () => {
  it("finds the best of six within twenty trials, for any noise", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { winner, trials } = await tournament([95, 104, 130, 99, 110, 80], seed);
      assert.equal(winner?.flags, "--x 2");
      assert.ok(trials.length <= 20);
    }
  });

  it("says that nothing is better where nothing is", async () => {
    let numWrong = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { winner, trials } = await tournament([100, 100, 100, 99, 100, 98], seed);
      if (winner !== null) numWrong++;
      assert.ok(trials.length <= 20);
    }
    // With an interval of 98 % and a few looks, one in twenty may be found better by luck.
    assert.ok(numWrong <= 2, `${numWrong}`);
  });

  it("spends few trials where starts are dear", async () => {
    assert.equal(numChallengersFor(8), 1);
    const { winner, trials, presentTrials } = await tournament([140, 90], 1, 8);
    assert.equal(winner?.flags, "--x 0");
    assert.equal(trials.length, 6);
    assert.equal(presentTrials, 3);
  });

  it("uses a new load for each round and the same one for both halves", async () => {
    const { trials } = await tournament([130, 90], 3);
    const rounds = trials.filter(({ phase }) => phase === "comparison");
    assert.deepEqual(
      rounds.map(({ seed, flags }) => [seed, flags]),
      rounds.map((_, i) => [2 + Math.floor(i / 2), i % 2 === 0 ? "" : "--x 0"]),
    );
  });
});
