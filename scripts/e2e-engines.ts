/**
 * @module Runs every driver of the fleet against the real engine: start, serve, metrics, sleep, drain, kill, and starts
 * that fail.
 *
 *   node scripts/e2e-engines.ts DEST [--engine NAME …] [--trial NAME …] [--record]
 *
 * DEST holds what is installed outside the checkout: `vllm/bin/vllm` (the build for processors),
 * `llama.cpp/build/bin/llama-server`, `lmdeploy/bin/python`, `models/smol` (a small model as a Hugging Face folder) and
 * `models/smol.gguf` (the same as a GGUF file). An engine that is not there is passed over. `--record` writes the logs,
 * metrics and exchanges to tests/fixtures/fleet/engines/ and the table to docs/fleet-engines.md. The engine `fleet` stands for
 * all of them under one `pagoda up`. Exits 1 where a trial fails.
 */
import { parseArgs } from "node:util";
import { enginesAt } from "./e2e-engines/engines-at.ts";
import { failedStarts } from "./e2e-engines/failed-starts.ts";
import { fleetTrials } from "./e2e-engines/fleet-trials.ts";
import { lifeTrials } from "./e2e-engines/life-trials.ts";
import { proxyTrials } from "./e2e-engines/proxy-trials.ts";
import { Recording } from "./e2e-engines/recording.ts";
import { writeReport } from "./e2e-engines/report.ts";
import { servingTrials } from "./e2e-engines/serving-trials.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", multiple: true, default: [] },
    trial: { type: "string", multiple: true, default: [] },
    record: { type: "boolean", default: false },
  },
});
const [dest] = positionals;
if (dest === undefined) {
  console.error("Usage: node scripts/e2e-engines.ts DEST [--engine NAME …] [--trial NAME …] [--record]");
  process.exit(2);
}

const groups = { serving: servingTrials, life: lifeTrials, failing: failedStarts, proxy: proxyTrials };
const wanted = (list: readonly string[], name: string): boolean => list.length === 0 || list.includes(name);

let hasFailed = false;
const engines = enginesAt(dest);
for (const engine of engines) {
  if (!wanted(values.engine, engine.name)) continue;
  if (engine.missing !== null) {
    console.log(`${engine.name}: passed over, ${engine.missing}`);
    continue;
  }
  const recording = new Recording(engine, dest, values.record);
  for (const [name, run] of Object.entries(groups))
    if (wanted(values.trial, name)) await run(engine, recording, dest);
  hasFailed ||= recording.trials.some(({ passed }) => !passed);
}
if (wanted(values.engine, "fleet") && wanted(values.trial, "fleet")) {
  const missing = engines.find((engine) => engine.missing !== null);
  if (missing !== undefined) console.log(`fleet: passed over, ${missing.missing}`);
  else {
    const version = engines.find(({ name }) => name === "pagoda")?.version ?? "";
    const recording = new Recording({ name: "fleet", version }, dest, values.record);
    await fleetTrials(recording, dest);
    hasFailed ||= recording.trials.some(({ passed }) => !passed);
  }
}
if (values.record) writeReport();
process.exit(hasFailed ? 1 : 0);
