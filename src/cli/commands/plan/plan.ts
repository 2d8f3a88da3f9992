/** @module pagoda plan: what an engine will do with a model on a card, before anything is rented or started. */
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type { CalibratedRequest, FlagValue, Plan, PlanRequest } from "../../../planner/index.ts";
import { isFleetFile, planFleetFile } from "../fleet/plan-file.ts";
import { addCompareCommand } from "./compare.ts";
import { addExplainCommand } from "./explain.ts";
import { wholeOption } from "./flags.ts";
import { printCatalogue } from "./list.ts";
import type { QuestionOptions } from "./questions.ts";
import type { StatedStart } from "./request.ts";
import { statedStart } from "./stated-start.ts";
import { addTranslateCommand } from "./translate.ts";

const examples = `
Examples:
  pagoda plan Qwen/Qwen2.5-14B-Instruct-AWQ --gpu "RTX 4090" --engine lmdeploy
  pagoda plan Qwen/Qwen2.5-7B-Instruct --gpu L4 --engine vllm@0.21 --max-model-len auto
  pagoda plan "vllm serve Qwen/Qwen2.5-7B-Instruct --max-model-len 8192" --gpu L4
  pagoda plan ./folder --gpu H100 --engine vllm --users 40 --context 4096
  pagoda plan model.gguf --engine pagoda --memory 700MiB
  pagoda plan fleet.yaml
  pagoda plan Qwen/Qwen2.5-14B-Instruct-AWQ --gpu A100-80GB --engine vllm --gpu-memory-utilization 0.22 --replicas 4

Flags of the engine are written under their own names behind the model.`;

/** The options of the planner itself; everything else belongs to the engine. */
interface PlanOptions extends QuestionOptions {
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly used?: string;
  readonly devices?: string;
  readonly engine: string;
  readonly library?: boolean;
  /** true: without a text. */
  readonly list?: string | true;
}

export function addPlanCommand(program: Command): void {
  const plan = program.command("plan");
  plan.enablePositionalOptions();
  addExplainCommand(plan);
  addTranslateCommand(plan);
  addCompareCommand(plan);
  plan
    .argument(
      "[model]",
      "a catalogue name, a folder, config.json, a .gguf file or a hub id; a whole start command in quotes; or a fleet file",
    )
    .argument("[engine flags...]", "flags of the engine, under its own names")
    .description("Say what fits: weights, activations, KV blocks, tokens, users; and the command to type.")
    .option(
      "--gpu <name>",
      'the card: "RTX 4090", H100, "H100 MIG 3g.40gb" (default: what nvidia-smi sees here)',
    )
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--used <size>", "bytes that other processes hold on the card")
    .option("--devices <n>", "cards there are: the engine's tp is so many, or with --tp auto at most so many")
    .option("--engine <name>", "vllm, lmdeploy, sglang, llama-server or pagoda, with @version", "vllm")
    .option("--users <n>", "requests at once to make room for")
    .option("--context <tokens>", "length of each of them, or of their prompts: p50=2k,p95=8k")
    .option("--output <tokens>", "length of their answers, such as p50=300: capacity by distribution")
    .option("--lengths <file>", "lengths of requests, a JSON record a line, in place of both")
    .option("--fit", "search lengths, shares, KV dtypes and tp for what serves them")
    .option(
      "--quantizations <list>",
      "with --fit or --users: quantizations to choose among, the preferred first",
    )
    .option("--replicas <n>", "the same command so many times on one card")
    .option("--compare <n>", "one instance against n smaller ones of the same card")
    .option("--assume-dense", "plan an unknown architecture from the fields of its configuration alone")
    .option("--library", "batch defaults of the Python class instead of the server")
    .option("--list [text]", "names of the models in the catalogue, all or those with these words")
    .option("--json", "the plan as JSON")
    .option("--flags", "the command alone")
    .allowUnknownOption()
    .addHelpText("after", examples)
    .action(async (model: string | undefined, _rest: unknown, options: PlanOptions, command: Command) => {
      if (options.list !== undefined) {
        await printCatalogue(options.list, options.json === true);
        return;
      }
      if (isFleetFile(model)) {
        await planFleetFile(model, options.json === true);
        return;
      }
      const isStated = command.getOptionValueSource("engine") === "cli";
      const asked = { text: options.engine, isStated };
      await planStart(await statedStart(modelOf(model), command.args.slice(1), asked), options);
    });
}

function modelOf(model: string | undefined): string {
  if (model !== undefined) return model;
  throw new PagodaError("invalid_option", "The model to plan is missing.", {
    hint: "Name one, as in pagoda plan Qwen/Qwen2.5-7B-Instruct; pagoda plan --list shows the known ones.",
  });
}

async function print(answer: Plan, options: PlanOptions): Promise<void> {
  const { terminalColumns } = await import("../../print/text-columns.ts");
  const { planTable } = await import("../../print/plan/plan-table.ts");
  const { commandText } = await import("../../../planner/index.ts");
  const text =
    options.json === true
      ? JSON.stringify(answer, null, 2)
      : options.flags === true
        ? commandText(answer.command)
        : planTable(answer, terminalColumns());
  process.stdout.write(`${text}\n`);
}

const mostCards = 8;

/** `--tp auto` takes the fewest cards that fit; `--devices 4` without a split of its own means all four. */
async function planOnCards(request: PlanRequest, options: PlanOptions): Promise<Plan> {
  const { plan, planFewestCards, ranksFlag } = await import("../../../planner/index.ts");
  const numCards = options.devices === undefined ? null : wholeOption("devices", options.devices);
  const stated = await statedRanks(request);
  if (numCards === null && stated !== "auto") return plan(request);
  const flag = ranksFlag(request.engine);
  const { [flag]: _ranks, ...others } = request.flags;
  if (stated === "auto") return planFewestCards({ ...request, flags: others }, numCards ?? mostCards);
  return plan(stated === null ? { ...request, flags: { ...others, [flag]: String(numCards) } } : request);
}

/** The number of cards that the engine's own flag states; null where it is not given. */
async function statedRanks(request: PlanRequest): Promise<FlagValue | null> {
  const { rulesOf } = await import("../../../planner/index.ts");
  const { ranks } = rulesOf(request.engine).roles;
  return ranks === null ? null : (request.flags[ranks] ?? null);
}

/** What saved logs measured of this very start; a start whose number of cards is still open has none of its own. */
async function withMeasurements(request: PlanRequest, options: PlanOptions): Promise<CalibratedRequest> {
  const { calibratedRequest } = await import("../../../planner/index.ts");
  const { calibrationPath, readCalibration } = await import("../../planning/calibration-file.ts");
  const isOpen = options.devices !== undefined || (await statedRanks(request)) === "auto";
  if (isOpen) return { request, note: null };
  return calibratedRequest(readCalibration(calibrationPath(process.env)), request);
}

async function planStart(start: StatedStart, options: PlanOptions): Promise<void> {
  const { questionAnswer } = await import("./questions.ts");
  const { planRequest } = await import("./request.ts");
  const { request, notes } = await planRequest(start, options);
  const answerText = questionAnswer(request, options);
  if (answerText !== null) {
    process.stdout.write(`${answerText}\n`);
    return;
  }
  const known = await withMeasurements(request, options);
  const answer = await planOnCards(known.request, options);
  const warnings = [...answer.warnings, ...notes, ...(known.note === null ? [] : [known.note])];
  await print({ ...answer, warnings }, options);
  process.exitCode = answer.verdict.kind === "fits" || answer.verdict.kind === "uncertain" ? 0 : 3;
}
