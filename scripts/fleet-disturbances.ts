/**
 * @module Kills, drains and rolls of instances under load, and models at random on room for fewer: a report for docs/.
 *
 *   node scripts/fleet-disturbances.ts [--kills N] [--drains N] [--rolls N] [--minutes M] [--record]
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mib } from "../src/core/byte-size.ts";
import { seededUniform } from "../src/core/seeded-uniform.ts";
import { disturbedRun } from "../src/fleet/testing/disturbances.ts";
import { randomModelsRun } from "../src/fleet/testing/random-models.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    drains: { type: "string", default: "50" },
    rolls: { type: "string", default: "50" },
    minutes: { type: "string", default: "10" },
    record: { type: "boolean", default: false },
  },
});
const wanted = { kills: Number(values.kills), drains: Number(values.drains), rolls: Number(values.rolls) };
const run = await disturbedRun(wanted, seededUniform(1));
const models = await randomModelsRun(Number(values.minutes) * 60_000, seededUniform(2));
const load = loadavg()[0]?.toFixed(1) ?? "?";
const report = `# A fleet under disturbances

Written by \`node scripts/fleet-disturbances.ts --record\` on ${new Date().toISOString().slice(0, 10)}: real processes that answer by a script, supervised, routed and accounted as engines are. ${cpus().length} cores that other work shared (load ${load} at the end).

## ${wanted.kills} kills, ${wanted.drains} drains and ${wanted.rolls} rolls of all three instances, at random

Eight clients ask without a pause, half of them for streams of ten events.

| | |
|---|---|
| requests | ${run.numRequests} |
| answered whole | ${run.whole} |
| streams that had begun on an instance that was killed, ended by an error event | ${run.brokenByKill} |
| refused, ended otherwise, or not exactly once | ${run.wrong.length} |
| processes left at the end | ${run.numLeft} |
| least bytes that the ledger had left | ${Math.round(run.leastAvailableBytes / mib)} MiB |
| time | ${run.seconds.toFixed(0)} s |

## Three models on room for two, requests at random for ${values.minutes} minutes

| | |
|---|---|
| requests | ${models.numRequests} |
| failed | ${models.failures.length} |
| starts | ${models.numStarts} |
| evictions | ${models.numEvictions}, of which ${models.numDearer} took another model than the cheapest |
| most starts of one model at the same time | ${models.mostStartsAtOnce} |
| least bytes that the ledger had left | ${Math.round(models.leastAvailableBytes / mib)} MiB |
`;
console.log(report);
for (const line of [...run.wrong, ...models.failures].slice(0, 20)) console.error(line);
if (values.record)
  writeFileSync(fileURLToPath(new URL("../docs/fleet-disturbances.md", import.meta.url)), report);
process.exit(run.wrong.length + run.numLeft + models.failures.length + models.numDearer > 0 ? 1 : 0);
