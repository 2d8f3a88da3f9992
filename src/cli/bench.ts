/** @module What `pagoda bench` does with its options. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runBench } from "../bench/bench.ts";
import { benchParts } from "../bench/bench-parts.ts";
import { loadNames } from "../bench/load/workload.ts";
import { renderReport } from "../bench/report.ts";
import { PagodaError } from "../core/errors.ts";
import { resolveModel, sourceSettingsFrom } from "../model/source/resolve-model.ts";
import { endWithSignals } from "../process/started-processes.ts";
import { signalExitCodes, stoppableFetch } from "./abortable-download.ts";
import type { BenchValues } from "./commands/bench.ts";
import { ProgressBar } from "./progress.ts";

const program = fileURLToPath(new URL("../../bin/pagoda.js", import.meta.url));
const checkout = fileURLToPath(new URL("../..", import.meta.url));

/** Measures, prints, and returns the exit code: 1 when a goal is missed. */
export async function benchCommand(modelArgument: string | null, values: BenchValues): Promise<number> {
  const bar = new ProgressBar();
  const found = await stoppableFetch(signalExitCodes, (stop) =>
    resolveModel(modelArgument, sourceSettingsFrom(process.env, stop), bar.onDownload),
  );
  bar.stop();
  if (found.model.kind !== "gguf")
    throw new PagodaError(
      "invalid_option",
      "pagoda bench measures one .gguf file, which the peers can read too",
      {
        hint: "give the path of a .gguf file, or no model for the default",
      },
    );
  endWithSignals();
  const report = await runBench({
    program: [program],
    folder: checkout,
    modelPath: found.model.path,
    kernels: values.kernels?.value ?? ["wasm", "machine-code"],
    numThreads: values.threads?.value ?? 2,
    numRounds: values.rounds?.value ?? 5,
    // Prompts of their own for every run: no server may know them from an earlier one.
    seed: values.seed?.value ?? Math.floor(Date.now() / 1000),
    loads: values.loads?.value ?? loadNames,
    parts: values.parts?.value ?? benchParts,
    peers: peersOf(values),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(values.json?.value === true ? `${JSON.stringify(report)}\n` : renderReport(report));
  return report.figures.some((figure) => figure.met === false) ? 1 : 0;
}

function peersOf(values: BenchValues) {
  if (values.peers === null) return null;
  const paths = { q4ZeroPath: values.peerQ4?.value ?? null, vllmModel: values.peerFolder?.value ?? null };
  for (const path of Object.values(paths))
    if (path !== null && !existsSync(path))
      throw new PagodaError("invalid_option", `there is nothing at ${path}`);
  return { folder: values.peers.value, ...paths };
}
