/** @module pagoda plan translate: one engine's start command as the other's, with the same KV memory. */
import type { Command } from "commander";

const examples = `
Examples:
  pagoda plan translate --from "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ --gpu-memory-utilization 0.9" --to lmdeploy --gpu "RTX 4090"
  pagoda plan translate --from "lmdeploy serve api_server Qwen/Qwen2.5-7B-Instruct --cache-max-entry-count 0.5" --to vllm --gpu L4
  pagoda plan translate --from "vllm serve …" --to lmdeploy@0.14 --keep footprint`;

export interface TranslateOptions {
  readonly from: string;
  readonly to: string;
  readonly fromVersion?: string;
  readonly backend?: string;
  readonly keep: string;
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly used?: string;
  readonly json?: boolean;
  readonly flags?: boolean;
}

export function addTranslateCommand(plan: Command): void {
  plan
    .command("translate")
    .description("Turn a start command of vLLM into one of LMDeploy with the same KV memory, or back.")
    .requiredOption("--from <command>", "the start command as typed, in quotes")
    .requiredOption("--to <engine>", "vllm or lmdeploy, with @version")
    .option("--from-version <version>", "version of the engine in --from (default: the newest)")
    .option("--backend <name>", "turbomind or pytorch, where --to is lmdeploy (default: its own choice)")
    .option("--keep <what>", "what both shall have in common: kv, or footprint (to pack a card)", "kv")
    .option("--gpu <name>", "the card (default: what nvidia-smi sees here)")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--used <size>", "bytes that other processes hold on the card")
    .option("--json", "the translation as JSON")
    .option("--flags", "the command alone")
    .addHelpText("after", examples)
    .action(async (options: TranslateOptions) => {
      const { runTranslate } = await import("./plan-translate-run.ts");
      await runTranslate(options);
    });
}
