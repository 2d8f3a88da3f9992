/** Slices of `npm run faults`: clients that leave, servers that end, and surroundings that run out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askedToEnd, killed } from "../../src/cli/testing/faults/ends.ts";
import type { FaultTrial } from "../../src/cli/testing/faults/fault-trial.ts";
import { clientsThatReadLate } from "../../src/cli/testing/faults/late-readers.ts";
import { clientsThatLeave } from "../../src/cli/testing/faults/leaving.ts";
import { clockSetBack, fewDescriptors, fullLogDisk } from "../../src/cli/testing/faults/limits.ts";

const trials: readonly (readonly [name: string, trial: FaultTrial, times: number])[] = [
  [
    "clients that leave at any moment change no text of those that stay, and keep no block",
    clientsThatLeave,
    400,
  ],
  ["answers that are read late come to their end", clientsThatReadLate, 1],
  ["SIGTERM under load: every stream that has begun comes whole", askedToEnd, 2],
  ["SIGKILL under load: the next start on the same port serves", killed, 2],
  ["more connections than descriptors: the server stays and serves again", fewDescriptors, 2],
  ["a log on a full disk: requests are answered, lines are dropped and counted", fullLogDisk, 20],
  ["a clock that is set back under load changes nothing", clockSetBack, 2],
];

for (const [name, trial, times] of trials)
  test(name, { skip: process.platform === "linux" ? false : "these faults are made on Linux" }, async (t) => {
    const { passed, seen } = await trial(t, times);
    t.diagnostic(seen);
    assert.ok(passed, seen);
  });
