/** @module pagoda plan translate: one engine's start command as the other's, with the same KV memory. */
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type { Kept } from "../../../planner/index.ts";
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
    .description("Turn a start command of one engine into another engine's, with the same KV memory.")
    .requiredOption("--from <command>", "the start command as typed, in quotes")
    .requiredOption("--to <engine>", "the other engine, with @version")
    .option("--from-version <version>", "version of the engine in --from (default: the newest)")
    .option("--backend <name>", "the value of the target's own --backend, where it has one")
    .option("--keep <what>", "what both shall have in common: kv, or footprint (to pack a card)", "kv")
    .option("--gpu <name>", "the card (default: what nvidia-smi sees here)")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--used <size>", "bytes that other processes hold on the card")
    .option("--json", "the translation as JSON")
    .option("--flags", "the command alone")
    .addHelpText("after", examples)
    .action(translate);
}

function keptOf(text: string): Kept {
  if (text === "kv" || text === "footprint") return text;
  throw new PagodaError("plan_invalid", `--keep must be kv or footprint; got "${text}".`, {
    param: "keep",
    hint: "Use kv for the same KV memory, or footprint for the same bytes of the card.",
  });
}

async function translate(options: TranslateOptions): Promise<void> {
  const { commandText, parseStartCommand, rulesOf, translateStart } = await import(
    "../../../planner/index.ts"
  );
  const { terminalColumns } = await import("../../print/text-columns.ts");
  const { translationText } = await import("../../print/plan/translation-text.ts");
  const { planPlace } = await import("../../planning/device.ts");
  const { optionsOn, planRequest } = await import("./request.ts");
  const start = parseStartCommand(options.from);
  const asked = engineAndVersion(options.to);
  const [here, there] = [rulesOf(start.engine).runsOn, rulesOf(asked.engine).runsOn];
  const target = {
    ...asked,
    keeps: keptOf(options.keep),
    flags: options.backend === undefined ? {} : { backend: options.backend },
    ...(here === there ? {} : { place: planPlace(optionsOn(there, options), asked.engine) }),
  };
  const version = options.fromVersion ?? start.version;
  const side = here === there ? options : optionsOn(here, options);
  const { request } = await planRequest({ ...start, version }, side);
  const translation = translateStart(request, target);
  const text =
    options.json === true
      ? JSON.stringify(translation, null, 2)
      : options.flags === true
        ? commandText(translation.command)
        : translationText(translation, terminalColumns());
  process.stdout.write(`${text}\n`);
}
