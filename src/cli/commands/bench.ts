/** @module pagoda bench: the figures that the README states, measured here and now. */
import type { Command } from "commander";
import { type KernelChoice, kernelChoices } from "../../backend/cpu/choose-kernels.ts";
import { type BenchPart, benchParts } from "../../bench/bench-parts.ts";
import { type LoadName, loadNames } from "../../bench/load/workload.ts";
import { PagodaError } from "../../core/errors.ts";
import { onOrOff, option, wholeNumber } from "../../instance/options/option.ts";
import { readOptions, registerOptions } from "../../instance/options/read-options.ts";

const measured = "What is measured:";
const beside = "Beside whom:";

function listOf<T extends string>(words: readonly T[]): (text: string) => readonly T[] {
  return (text) =>
    text.split(",").map((part) => {
      const word = words.find((candidate) => candidate === part.trim());
      if (word === undefined)
        throw new PagodaError("invalid_option", `'${part}' is not one of ${words.join(", ")}`);
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
  pagoda bench                                  our own figures with the default model
  pagoda bench --parts loads --rounds 3
  pagoda bench --peers ~/peers --peer-hf ~/peers/models/hf --peer-q4-0 ~/peers/models/q4_0.gguf

Each option has a variable: --rounds is PAGODA_ROUNDS. Flags win.

Exits 1 when a goal is missed.`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command("bench")
    .argument("[model]", "a .gguf file; default SmolLM2-135M-Instruct")
    .description("Measure this machine: loads, latency, contexts, start-up, two instances at once.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action(async (model: string | undefined, given: Record<string, unknown>) => {
    const { benchCommand } = await import("../bench.ts");
    process.exitCode = await benchCommand(model ?? null, readOptions(options, given, process.env));
  });
}

export type BenchValues = ReturnType<typeof readOptions<typeof options>>;
