/** @module pagoda plan explain: what a start-up log says, component by component, why it failed, and what to change. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type {
  CalibrationEntry,
  Device,
  ExplainContext,
  LogFacts,
  ModelFacts,
} from "../../../planner/index.ts";
import { engineAndVersion, flagsOf } from "./flags.ts";

const examples = `
Examples:
  pagoda plan explain vllm.log
  lmdeploy serve api_server Qwen/Qwen2.5-32B-Instruct-AWQ 2>&1 | pagoda plan explain --gpu "RTX 4090"
  pagoda plan explain vllm.log --save

What the log does not state is given beside it: --model, --gpu, --engine vllm@0.8.5, and flags of the engine.`;

interface ExplainOptions {
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
    .description("Explain an engine's start-up log: what happened, why it failed, what would fit.")
    .option("--model <name>", "the model, where the log does not name it")
    .option("--gpu <name>", "the card, where the log does not name it")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--engine <name>", "the engine, with @version, where the log does not say")
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
        const [first, ...rest] = command.args;
        const isFile = first !== undefined && !first.startsWith("-");
        const words = first === undefined ? [] : isFile ? rest : command.args;
        await explain(isFile ? first : null, words, options);
      },
    );
}

async function logText(path: string | null): Promise<string> {
  if (path === null || path === "-") {
    if (!process.stdin.isTTY) return text(process.stdin);
    throw new PagodaError("plan_invalid", "No log was given.", {
      param: "log",
      hint: "Name a file, or pipe the start-up output in.",
    });
  }
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new PagodaError("plan_invalid", `${path} cannot be read.`, {
      param: "log",
      hint: "Name a file with the start-up output of an engine.",
      cause,
    });
  }
}

/** A stated model must be found; one that only the log names may be unknown here. */
async function modelOf(facts: LogFacts, options: ExplainOptions): Promise<ModelFacts | null> {
  const { modelOfLog } = await import("../../../planner/index.ts");
  const { sourceSettingsFrom } = await import("../../../model/source/resolve-model.ts");
  const { planModel } = await import("./model.ts");
  if (options.model !== undefined)
    return (await planModel(options.model, sourceSettingsFrom(process.env))).facts;
  return modelOfLog(facts);
}

async function deviceOf(facts: LogFacts, options: ExplainOptions): Promise<Device | null> {
  const { deviceOfLog } = await import("../../../planner/index.ts");
  const { planDevice } = await import("../../planning/device.ts");
  if (options.gpu !== undefined || options.gpuMemory !== undefined) return planDevice(options).device;
  return deviceOfLog(facts);
}

/** Keeps what the log measured, under its file name and today's date. */
async function save(facts: LogFacts, context: ExplainContext, path: string | null): Promise<void> {
  const { calibrationEntry, measuredStart, withEntry } = await import("../../../planner/index.ts");
  const { calibrationPath, readCalibration, writeCalibration } = await import(
    "../../planning/calibration-file.ts"
  );
  const measured = measuredStart(facts, context);
  const day = new Date().toISOString().slice(0, 10);
  const source = `${path === null ? "a log" : basename(path)} of ${day}`;
  const entry = measured === null ? null : calibrationEntry(measured, source);
  if (entry === null)
    throw new PagodaError("plan_invalid", "The log measures nothing that a later plan could use.", {
      param: "save",
      hint: "Its model and card must be known (--model, --gpu), and it must print weights, KV or free memory.",
    });
  const file = calibrationPath(process.env);
  writeCalibration(file, withEntry(readCalibration(file), entry));
  process.stderr.write(`Saved to ${file}: ${keptParts(entry)}.\n`);
}

function keptParts({ parts, loaded }: CalibrationEntry): string {
  return [...Object.keys(parts), ...(loaded === null ? [] : ["memory after loading"])].join(", ");
}

async function explain(
  path: string | null,
  words: readonly string[],
  options: ExplainOptions,
): Promise<void> {
  const { explainLog, readLog } = await import("../../../planner/index.ts");
  const { explanationText } = await import("../../print/plan/explanation-text.ts");
  const stated = options.engine === undefined ? null : engineAndVersion(options.engine);
  const facts = readLog(await logText(path), stated?.engine ?? null);
  const context: ExplainContext = {
    model: await modelOf(facts, options),
    device: await deviceOf(facts, options),
    version: stated?.version ?? null,
    flags: await flagsOf(words, facts.engine),
  };
  const explanation = explainLog(facts, context);
  if (options.save === true) await save(facts, context, path);
  process.stdout.write(
    `${options.json === true ? JSON.stringify(explanation, null, 2) : explanationText(explanation)}\n`,
  );
}
