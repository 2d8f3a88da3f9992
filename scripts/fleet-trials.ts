/**
 * @module Trials of `pagoda up` with real instances, written to docs/fleet-trials.md.
 *
 *   node scripts/fleet-trials.ts [--model FILE] [--ledger SECONDS] [--kills N] [--record]
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tinyModel } from "../src/cli/testing/pagoda-process.ts";
import { freePort } from "../src/process/server-process.ts";
import { type LedgerTrial, ledgerTrial } from "./fleet-trials/ledger-trial.ts";
import type { RequestEnd } from "./fleet-trials/real-fleet.ts";
import { type SupervisorKills, supervisorKills } from "./fleet-trials/supervisor-kills.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "HuggingFaceTB/SmolLM2-135M-Instruct" },
    ledger: { type: "string", default: "120" },
    kills: { type: "string", default: "100" },
    record: { type: "boolean", default: false },
  },
});

const percent = (part: number | undefined): string => `${(100 * (part ?? 0)).toFixed(2)} %`;
const at = (sorted: readonly number[], share: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
const endsText = ({ whole, refused, broken, unreachable }: Readonly<Record<RequestEnd, number>>): string =>
  `${whole} answered whole, ${broken} broken off, ${refused} refused, ${unreachable} without an answer`;

function ledgerText(trial: LedgerTrial): string {
  const { differences, sumDifferences } = trial;
  return `## The ledger beside /proc, each second

Three instances of the default model under four clients without a pause; every 20 s one of them is killed. *Held* is compared with the sum of \`Pss\` in \`/proc/PID/smaps_rollup\`, read right after the ledger was asked.

| | |
|---|---|
| looks | ${trial.numLooks}, at ${trial.numSteadyLooks} of them all instances were ready |
| kills | ${trial.numKills}; starts after the first ones: ${trial.numRestarts} |
| held is negative, or above what is reserved | ${trial.numNegative}, ${trial.numAboveReserved} |
| difference of one ready instance (${trial.numInstanceLooks} looks) | median ${percent(at(differences, 0.5))}, 99 % within ${percent(at(differences, 0.99))}, most ${percent(differences.at(-1))} |
| difference of the sums | median ${percent(at(sumDifferences, 0.5))}, most ${percent(sumDifferences.at(-1))} |
| least bytes that the ledger had left | ${trial.leastAvailableMib} MiB |
| requests | ${endsText(trial.ends)} |
| processes left at the end | ${trial.numLeft} |
`;
}

function killsText(trial: SupervisorKills): string {
  return `## ${trial.numKills} SIGKILLs of the supervisor under load

Two instances, four clients without a pause. The address goes with the supervisor: requests that run through it are broken off, and none is answered until the next one listens; the instances go on.

| | |
|---|---|
| instances taken over with the process that they had | ${trial.numAdopted} of ${trial.numAdopted + trial.numNewStarts} |
| from the start of the next supervisor until all are taken over | median ${((at(trial.upMs, 0.5) ?? 0) / 1000).toFixed(1)} s, most ${((trial.upMs.at(-1) ?? 0) / 1000).toFixed(1)} s |
| requests | ${endsText(trial.ends)} |
| of them not whole, though a supervisor was there from their first byte to their last | ${trial.numFailedWhileUp} |
| processes left at the end | ${trial.numLeft} |
`;
}

const parts: string[] = [];
async function trial<Result>(
  isWanted: boolean,
  run: () => Promise<Result>,
  text: (result: Result) => string,
) {
  if (!isWanted) return;
  const part = text(await run());
  console.log(part);
  parts.push(part);
}
await trial(
  values.ledger !== "0",
  () => ledgerTrial(values.model, Number(values.ledger), "600MiB"),
  ledgerText,
);
await trial(
  values.kills !== "0",
  async () => supervisorKills(tinyModel, Number(values.kills), await freePort()),
  killsText,
);
const load = loadavg()[0]?.toFixed(1) ?? "?";
const report = `# Trials of a fleet of real instances

Written by \`node scripts/fleet-trials.ts --record\` on ${new Date().toISOString().slice(0, 10)}: our own engine, started by \`pagoda up\`. ${cpus().length} cores of ${cpus()[0]?.model ?? "?"} that other work shared (load ${load} at the end).

${parts.join("\n")}`;
if (values.record) writeFileSync(fileURLToPath(new URL("../docs/fleet-trials.md", import.meta.url)), report);
