/** @module pagoda plan translate: one engine's start command as the other's, with the same KV memory. */
import type { Command } from "commander";
import { parseByteSize } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import type { Kept, TranslatedEngine } from "../../../planner/index.ts";
import { engineAndVersion } from "./flags.ts";

const examples = `
Examples:
  pagoda plan translate --from "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ --gpu-memory-utilization 0.9" --to lmdeploy --gpu "RTX 4090"
  pagoda plan translate --from "lmdeploy serve api_server Qwen/Qwen2.5-7B-Instruct --cache-max-entry-count 0.5" --to vllm --gpu L4
  pagoda plan translate --from "vllm serve …" --to lmdeploy@0.14 --keep footprint`;

interface TranslateOptions {
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
    .action(translate);
}

function targetOf(text: string): { readonly engine: TranslatedEngine; readonly version: string | null } {
  const { engine, version } = engineAndVersion(text);
  if (engine === "vllm" || engine === "lmdeploy") return { engine, version };
  throw new PagodaError("plan_invalid", `No start can be translated to "${engine}".`, {
    param: "to",
    hint: "It takes vllm or lmdeploy, with @version.",
  });
}

function keptOf(text: string): Kept {
  if (text === "kv" || text === "footprint") return text;
  throw new PagodaError("plan_invalid", `--keep must be kv or footprint; got "${text}".`, {
    param: "keep",
    hint: "Use kv for the same KV memory, or footprint for the same bytes of the card.",
  });
}

function backendOf(text: string | undefined): "turbomind" | "pytorch" | null {
  if (text === undefined) return null;
  if (text === "turbomind" || text === "pytorch") return text;
  throw new PagodaError("plan_invalid", `--backend must be turbomind or pytorch; got "${text}".`, {
    param: "backend",
    hint: "Leave it out to let LMDeploy choose.",
  });
}

async function translate(options: TranslateOptions): Promise<void> {
  const { commandText, parseStartCommand, translateStart } = await import("../../../planner/index.ts");
  const { sourceSettingsFrom } = await import("../../../model/source/resolve-model.ts");
  const { translationText } = await import("../../print/plan/translation-text.ts");
  const { planDevice } = await import("./device.ts");
  const { planModel } = await import("./model.ts");
  const start = parseStartCommand(options.from);
  const target = {
    ...targetOf(options.to),
    keeps: keptOf(options.keep),
    backend: backendOf(options.backend),
  };
  const { facts } = await planModel(start.model, sourceSettingsFrom(process.env));
  const translation = translateStart(
    {
      model: facts,
      device: planDevice(options).device,
      usedBytes: options.used === undefined ? 0 : parseByteSize(options.used),
      engine: start.engine,
      version: options.fromVersion ?? start.version,
      flags: start.flags,
      usage: "serve",
    },
    target,
  );
  const text =
    options.json === true
      ? JSON.stringify(translation, null, 2)
      : options.flags === true
        ? commandText(translation.command)
        : translationText(translation);
  process.stdout.write(`${text}\n`);
}
