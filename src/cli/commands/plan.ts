/** @module pagoda plan: what an engine will do with a model on a card, before anything is rented or started. */
import type { Command } from "commander";
import { addCompareCommand } from "./plan-compare.ts";
import { addExplainCommand } from "./plan-explain.ts";
import { flagsOf } from "./plan-flags.ts";
import { addTranslateCommand } from "./plan-translate.ts";

const examples = `
Examples:
  pagoda plan Qwen/Qwen2.5-14B-Instruct-AWQ --gpu "RTX 4090" --engine lmdeploy
  pagoda plan Qwen/Qwen2.5-7B-Instruct --gpu L4 --engine vllm@0.21 --max-model-len auto
  pagoda plan ./folder --gpu H100 --engine vllm --users 40 --context 4096
  pagoda plan model.gguf --engine pagoda --memory 700MiB
  pagoda plan Qwen/Qwen2.5-14B-Instruct-AWQ --gpu A100 --engine vllm --gpu-memory-utilization 0.22 --replicas 4

Flags of the engine are written under their own names behind the model.`;

/** The options of the planner itself; everything else belongs to the engine. */
export interface PlanOptions {
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly used?: string;
  readonly devices?: string;
  readonly engine: string;
  readonly users?: string;
  readonly context?: string;
  readonly fit?: boolean;
  readonly quantizations?: string;
  readonly replicas?: string;
  readonly compare?: string;
  readonly json?: boolean;
  readonly flags?: boolean;
  readonly library?: boolean;
}

export function addPlanCommand(program: Command): void {
  const plan = program.command("plan");
  plan.enablePositionalOptions();
  addExplainCommand(plan);
  addTranslateCommand(plan);
  addCompareCommand(plan);
  plan
    .argument("<model>", "a catalogue name, a folder, config.json, a .gguf file or a hub id")
    .argument("[engine flags...]", "flags of the engine, under its own names")
    .description("Say what fits: weights, activations, KV blocks, tokens, users; and the command to type.")
    .option(
      "--gpu <name>",
      'the card: "RTX 4090", H100, "H100 MIG 3g.40gb" (default: what nvidia-smi sees here)',
    )
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--used <size>", "bytes that other processes hold on the card")
    .option("--devices <n>", "cards there are: the engine's tp is so many, or with --tp auto at most so many")
    .option("--engine <name>", "vllm, lmdeploy or pagoda, with @version", "vllm")
    .option("--users <n>", "requests at once to make room for")
    .option("--context <tokens>", "length of each of them")
    .option("--fit", "search lengths, shares, KV dtypes and tp for what serves them")
    .option(
      "--quantizations <list>",
      "with --fit or --users: quantisations to choose among, the preferred first",
    )
    .option("--replicas <n>", "the same command so many times on one card")
    .option("--compare <n>", "one instance against n smaller ones of the same card")
    .option("--library", "batch defaults of the Python class instead of the server")
    .option("--json", "the plan as JSON")
    .option("--flags", "the command alone")
    .allowUnknownOption()
    .addHelpText("after", examples)
    .action(async (model: string, _rest: readonly string[], options: PlanOptions, command: Command) => {
      const { runPlan } = await import("./plan-run.ts");
      await runPlan(model, flagsOf(command.args.slice(1)), options);
    });
}
