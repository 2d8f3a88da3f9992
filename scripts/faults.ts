/**
 * @module Faults under load, against real servers on the loopback interface; writes docs/faults.md. Slices of the trials are
 * in `npm test` (tests/e2e/faults.test.ts).
 *
 *     npm run faults                all, some minutes
 *     npm run faults -- leaving     one of them
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { askedToEnd, killed, threadsThatDie } from "../src/cli/testing/faults/ends.ts";
import type { FaultOutcome, FaultTrial } from "../src/cli/testing/faults/fault-trial.ts";
import { clientsThatReadLate } from "../src/cli/testing/faults/late-readers.ts";
import { clientsThatLeave } from "../src/cli/testing/faults/leaving.ts";
import {
  clockSetBack,
  containerLimit,
  fewDescriptors,
  fullLogDisk,
} from "../src/cli/testing/faults/limits.ts";

const trials: Readonly<Record<string, readonly [trial: FaultTrial, times: number]>> = {
  leaving: [clientsThatLeave, 10_000],
  late: [clientsThatReadLate, 20],
  terminated: [askedToEnd, 50],
  killed: [killed, 50],
  threads: [threadsThatDie, 50],
  descriptors: [fewDescriptors, 10],
  log: [fullLogDisk, 300],
  clock: [clockSetBack, 20],
  container: [containerLimit, 6],
};
const names = process.argv.slice(2);
const unknown = names.find((name) => !(name in trials));
if (unknown !== undefined) {
  console.error(`usage: npm run faults [-- NAME...]; the names are ${Object.keys(trials).join(", ")}`);
  process.exit(unknown === "--help" || unknown === "-h" ? 0 : 2);
}
const path = resolve(import.meta.dirname, "../docs/faults.md");
const outcomes = new Map<string, FaultOutcome>(known());
for (const [name, [trial, times]] of Object.entries(trials)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const ends: (() => Promise<void>)[] = [];
  const outcome = await trial({ after: (end) => void ends.push(end) }, times);
  for (const end of ends) await end();
  console.log(`${outcome.passed ? "passed" : "FAILED"}  ${name}: ${outcome.seen}`);
  outcomes.set(name, outcome);
  writeFileSync(path, page());
  if (!outcome.passed) process.exitCode = 1;
}

/** What earlier runs found, from the page itself. */
function known(): [string, FaultOutcome][] {
  try {
    const rows = readFileSync(path, "utf8").matchAll(/^\| (\w+) \| (passed|failed) \| (.*) \|$/gm);
    return [...rows].map(([, name = "", passed, seen = ""]) => [name, { passed: passed === "passed", seen }]);
  } catch {
    return [];
  }
}

function page(): string {
  const rows = Object.keys(trials).flatMap((name) => {
    const outcome = outcomes.get(name);
    return outcome === undefined
      ? []
      : [`| ${name} | ${outcome.passed ? "passed" : "failed"} | ${outcome.seen} |`];
  });
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return [
    "# Faults under load",
    "",
    "`npm run faults` makes real servers end, run out of things, or lose their clients, and writes this page. Slices of the trials are in `npm test`.",
    "",
    `Last run at ${commit}, on ${cpus().length} processors of ${cpus()[0]?.model ?? "an unknown kind"}.`,
    "",
    "| trial | | what was seen |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
