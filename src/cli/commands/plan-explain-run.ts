/** @module Runs `pagoda plan explain`: reads the log, finds model and card, explains, prints, and remembers where asked. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { PagodaError } from "../../core/errors.ts";
import { sourceSettingsFrom } from "../../model/source/resolve-model.ts";
import {
  type CalibrationEntry,
  calibrationEntry,
  type Device,
  deviceOfTotal,
  type ExplainContext,
  explainLog,
  type FlagValues,
  type LogEngine,
  type LogFacts,
  lookUpDevice,
  lookUpModel,
  type ModelFacts,
  measuredStart,
  readLog,
  withEntry,
} from "../../planner/index.ts";
import { calibrationPath, readCalibration, writeCalibration } from "../calibration-file.ts";
import { planDevice } from "./plan-device.ts";
import type { ExplainOptions } from "./plan-explain.ts";
import { explanationText } from "./plan-explain-text.ts";
import { planModel } from "./plan-model.ts";
import { engineOf } from "./plan-run.ts";

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
      hint: "Name a file with the start-up output of vLLM or LMDeploy.",
      cause,
    });
  }
}

function engineNamed(name: string): LogEngine {
  if (name === "vllm" || name === "lmdeploy") return name;
  throw new PagodaError("plan_invalid", `No log of "${name}" can be explained.`, {
    param: "engine",
    hint: "It takes vllm or lmdeploy, with @version.",
  });
}

/** A stated model must be found; one that only the log names may be unknown here. */
async function modelOf(facts: LogFacts, options: ExplainOptions): Promise<ModelFacts | null> {
  if (options.model !== undefined)
    return (await planModel(options.model, sourceSettingsFrom(process.env))).facts;
  return facts.model === null ? null : lookUpModel(facts.model);
}

function deviceOf(facts: LogFacts, options: ExplainOptions): Device | null {
  if (options.gpu !== undefined || options.gpuMemory !== undefined) return planDevice(options).device;
  const named = facts.gpu === null ? null : lookUpDevice(facts.gpu);
  if (named !== null) return named;
  const { total } = facts.figures;
  return total === undefined ? null : deviceOfTotal(total.expectedBytes);
}

/** Keeps what the log measured, under its file name and today's date. */
function save(facts: LogFacts, context: ExplainContext, path: string | null): void {
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

export async function runExplain(
  path: string | null,
  flags: FlagValues,
  options: ExplainOptions,
): Promise<void> {
  const stated = options.engine === undefined ? null : engineOf(options.engine);
  const facts = readLog(await logText(path), stated === null ? null : engineNamed(stated.engine));
  const context: ExplainContext = {
    model: await modelOf(facts, options),
    device: deviceOf(facts, options),
    version: stated?.version ?? null,
    flags,
  };
  const explanation = explainLog(facts, context);
  if (options.save === true) save(facts, context, path);
  process.stdout.write(
    `${options.json === true ? JSON.stringify(explanation, null, 2) : explanationText(explanation)}\n`,
  );
}
