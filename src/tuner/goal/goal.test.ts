import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresOf, type LoadFigures } from "../traffic/figures.ts";
import {
  compareOutcomes,
  describeGoal,
  type Goal,
  type Outcome,
  parseConstraints,
  violationOf,
} from "./goal.ts";

const figures: LoadFigures = figuresOf(
  [{ arrivedMs: 0, firstTokenMs: 100, finishedMs: 1000, interTokenMs: [100, 200], numOutputTokens: 3 }],
  { numPreemptions: 0, numQueryTokens: 0, numHitTokens: 0, startedMs: 0 },
);
const outcome = (changes: Partial<LoadFigures>, memoryBytes = 1e9): Outcome => ({
  figures: { ...figures, ...changes },
  memoryBytes,
});

describe("a goal", () => {
  it("is read from what people type", () => {
    assert.deepEqual(parseConstraints("p99-ttft<0.5s, p99-itl <= 60ms,tokens/s>300, memory<1GiB"), [
      { metric: "p99-ttft", limit: 500 },
      { metric: "p99-itl", limit: 60 },
      { metric: "tokens/s", limit: 300 },
      { metric: "memory", limit: 2 ** 30 },
    ]);
    for (const [text, message] of [
      ["p99-ttft", /'p99-ttft' is not a limit/],
      ["p98-ttft<1s", /not a figure of a load/],
      ["tokens/s<300", /the side on which it is good/],
      ["p99-itl>10ms", /the side on which it is good/],
      ["p99-itl<soon", /not a time/],
      ["tokens/s>0", /not a limit/],
    ] as const)
      assert.throws(() => parseConstraints(text), message);
  });

  it("puts limits before the figure to improve, and weighs how far each is missed", () => {
    const goal: Goal = { objective: "tokens/s", constraints: parseConstraints("p99-ttft<200ms,tokens/s>10") };
    const holds = outcome({ p99TtftMs: 150, outputTokensPerSecond: 20 });
    const faster = outcome({ p99TtftMs: 180, outputTokensPerSecond: 30 });
    const late = outcome({ p99TtftMs: 300, outputTokensPerSecond: 90 });
    const later = outcome({ p99TtftMs: 400, outputTokensPerSecond: 99 });
    assert.deepEqual(
      [later, holds, late, faster].sort((a, b) => compareOutcomes(goal, a, b)),
      [faster, holds, late, later],
    );
    assert.equal(violationOf(goal, faster), 0);
    assert.equal(violationOf(goal, late), 0.5);
    assert.equal(violationOf(goal, outcome({ p99TtftMs: 100, outputTokensPerSecond: 5 })), 1);
    assert.equal(describeGoal(goal), "most tokens/s with p99-ttft at most 200 ms and tokens/s at least 10.0");
  });

  it("may be the least memory", () => {
    const goal: Goal = { objective: "memory", constraints: parseConstraints("tokens/s>1") };
    assert.ok(compareOutcomes(goal, outcome({}, 1e8), outcome({}, 1e9)) < 0);
  });
});
