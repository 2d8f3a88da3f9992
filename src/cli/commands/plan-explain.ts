/** @module pagoda plan explain: what a start-up log says, component by component, why it failed, and what to change. */
import type { Command } from "commander";
import { flagsOf } from "./plan-flags.ts";

const examples = `
Examples:
  pagoda plan explain vllm.log
  lmdeploy serve api_server Qwen/Qwen2.5-32B-Instruct-AWQ 2>&1 | pagoda plan explain --gpu "RTX 4090"
  pagoda plan explain vllm.log --save

What the log does not state is given beside it: --model, --gpu, --engine vllm@0.8.5, and flags of the engine.`;

export interface ExplainOptions {
  readonly model?: string;
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly engine?: string;
  readonly json?: boolean;
  readonly save?: boolean;
}

export function addExplainCommand(plan: Command): void {
  plan
    .command("explain")
    .argument("[log]", "a file with the start-up output (default: standard input)")
    .argument("[engine flags...]", "flags of the engine that the log does not state")
    .description("Explain a start-up log of vLLM or LMDeploy: what happened, why it failed, what would fit.")
    .option("--model <name>", "the model, where the log does not name it")
    .option("--gpu <name>", "the card, where the log does not name it")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--engine <name>", "vllm or lmdeploy, with @version, where the log does not say")
    .option("--json", "the explanation as JSON")
    .option("--save", "remember the measured components for later plans")
    .allowUnknownOption()
    .addHelpText("after", examples)
    .action(
      async (
        _log: string | undefined,
        _rest: readonly string[],
        options: ExplainOptions,
        command: Command,
      ) => {
        const { runExplain } = await import("./plan-explain-run.ts");
        const [first, ...rest] = command.args;
        const isFile = first !== undefined && !first.startsWith("-");
        const words = first === undefined ? [] : isFile ? rest : command.args;
        await runExplain(isFile ? first : null, flagsOf(words), options);
      },
    );
}
