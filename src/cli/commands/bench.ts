/** @module pagoda bench: the figures that the README states, measured here and now. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { type KernelChoice, kernelChoices } from "../../backend/create/index.ts";
import { type LoadName, loadNames } from "../../bench/load/workload.ts";
import { type BenchPart, benchParts } from "../../bench/options/bench-parts.ts";
import { PagodaError } from "../../core/errors.ts";
import { onOrOff, option, wholeNumber } from "../../core/options/option.ts";
import { readOptions } from "../../core/options/read-options.ts";
import { signalExitCodes, stoppableFetch } from "../lifecycle/abortable-download.ts";
import { registerOptions } from "../options/register-options.ts";
import { ProgressPrinter } from "../print/progress.ts";

const measured = "What is measured:";
const beside = "Beside whom:";

function listOf<T extends string>(words: readonly T[]): (text: string) => readonly T[] {
  return (text) =>
    text.split(",").map((part) => {
      const word = words.find((candidate) => candidate === part.trim());
      if (word === undefined)
        throw new PagodaError("invalid_option", `'${part}' is not one of ${words.join(", ")}.`, {
          hint: "Write some of these words, with commas between them.",
        });
      return word;
    });
}

const options = {
  parts: option<readonly BenchPart[]>(["--parts"], {
    argument: "list",
    parse: listOf(benchParts),
    help: `any of ${benchParts.join(", ")} (default all)`,
    group: measured,
  }),
  loads: option<readonly LoadName[]>(["--loads"], {
    argument: "list",
    parse: listOf(loadNames),
    help: `any of ${loadNames.join(", ")} (default all)`,
    group: measured,
  }),
  kernels: option<readonly KernelChoice[]>(["--kernels"], {
    argument: "list",
    parse: listOf(kernelChoices),
    help: "kernel sets to measure: wasm, machine-code, or kinds of it such as machine-code-avx2 (default wasm,machine-code)",
    group: measured,
  }),
  rounds: option(["--rounds"], {
    argument: "n",
    parse: wholeNumber(1, 100),
    help: "rounds of each load; medians are reported (default 5)",
    group: measured,
  }),
  threads: option(["--threads"], {
    argument: "n",
    parse: wholeNumber(1, 1024),
    help: "threads of every server (default 2)",
    group: measured,
  }),
  seed: option(["--seed"], {
    argument: "n",
    parse: wholeNumber(1),
    help: "seed of the first round's prompts (default: from the clock, printed)",
    group: measured,
  }),
  peers: option(["--peers"], {
    argument: "folder",
    parse: (text: string) => text,
    help: "measure the llama.cpp and vLLM that are installed in this folder in the same run",
    group: beside,
  }),
  peerQ4: option(["--peer-q4-0"], {
    argument: "file",
    parse: (text: string) => text,
    help: "the same model re-quantised to Q4_0, for llama.cpp's fastest",
    group: beside,
  }),
  peerFolder: option(["--peer-hf"], {
    argument: "folder",
    parse: (text: string) => text,
    help: "the same model as a float32 Hugging Face folder, for vLLM",
    group: beside,
  }),
  json: option(["--json"], {
    argument: null,
    parse: onOrOff,
    help: "print the report as JSON",
    group: measured,
  }),
} as const;

const examples = `
Examples:
  Our own figures with the default model:
    pagoda bench
    pagoda bench --parts loads --rounds 3
  llama.cpp and vLLM beside them:
    pagoda bench --peers ~/peers \\
      --peer-q4-0 ~/peers/models/q4_0.gguf \\
      --peer-hf ~/peers/models/hf

Each option has a variable: --rounds is PAGODA_ROUNDS.
Flags win.

Exits 1 when a goal is missed.`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command("bench")
    .argument("[model]", "a .gguf file; default SmolLM2-135M-Instruct")
    .description("Measure this machine: loads, latency, contexts, start-up, two instances at once.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action(async (model: string | undefined, given: Record<string, unknown>) => {
    process.exitCode = await bench(model ?? null, readOptions(options, given, process.env));
  });
}

type BenchValues = ReturnType<typeof readOptions<typeof options>>;

const program = fileURLToPath(new URL("../../../bin/pagoda.js", import.meta.url));
const checkout = fileURLToPath(new URL("../../..", import.meta.url));

/** Measures, prints, and returns the exit code: 1 when a goal is missed. */
async function bench(modelArgument: string | null, values: BenchValues): Promise<number> {
  const { endWithSignals } = await import("../../process/started-processes.ts");
  const { runBench } = await import("../../bench/bench.ts");
  const { renderReport } = await import("../../bench/report.ts");
  const modelPath = await ggufPath(modelArgument);
  endWithSignals();
  const report = await runBench({
    program: [program],
    folder: checkout,
    modelPath,
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

/** The file on this machine; fetched where it must be. */
async function ggufPath(modelArgument: string | null): Promise<string> {
  const { resolveModel, sourceSettingsFrom } = await import("../../model/source/resolve-model.ts");
  const progress = new ProgressPrinter();
  const found = await stoppableFetch(signalExitCodes, (stop) =>
    resolveModel(modelArgument, sourceSettingsFrom(process.env, stop), progress.onDownload),
  );
  progress.stop();
  if (found.model.kind === "gguf") return found.model.path;
  throw new PagodaError("invalid_option", "A bench measures one .gguf file, which the peers can read too.", {
    hint: "Give the path of a .gguf file, or no model for the default.",
  });
}

function peersOf(values: BenchValues) {
  if (values.peers === null) return null;
  const paths = { q4ZeroPath: values.peerQ4?.value ?? null, vllmModel: values.peerFolder?.value ?? null };
  for (const path of Object.values(paths))
    if (path !== null && !existsSync(path))
      throw new PagodaError("invalid_option", `${path} does not exist.`, {
        hint: "Give the path of what was installed or converted for the peer.",
      });
  return { folder: values.peers.value, ...paths };
}
