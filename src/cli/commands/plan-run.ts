/** @module Runs `pagoda plan`: reads the inputs, plans, prints. */
import { parseByteSize } from "../../core/byte-size.ts";
import { sourceSettingsFrom } from "../../model/source/resolve-model.ts";
import {
  type CalibratedRequest,
  calibratedRequest,
  type FlagValues,
  type Plan,
  type PlanRequest,
  plan,
  planFewestCards,
  tensorParallelFlag,
} from "../../planner/index.ts";
import { calibrationPath, readCalibration } from "../calibration-file.ts";
import type { PlanOptions } from "./plan.ts";
import { planDevice } from "./plan-device.ts";
import { draftOf, planModel } from "./plan-model.ts";
import { planTable } from "./plan-table.ts";
import { planVariant, wholeOption } from "./plan-variants.ts";

/** `vllm@0.21` → engine and version. */
export function engineOf(text: string): { readonly engine: string; readonly version: string | null } {
  const [engine = "", version = ""] = text.split("@");
  return { engine: engine.toLowerCase(), version: version === "" ? null : version };
}

function print(answer: Plan, options: PlanOptions): void {
  const text =
    options.json === true
      ? JSON.stringify(answer, null, 2)
      : options.flags === true
        ? answer.command.join(" ")
        : planTable(answer);
  process.stdout.write(`${text}\n`);
}

const mostCards = 8;

/** `--tp auto` takes the fewest cards that fit; `--devices 4` without a split of its own means all four. */
function planOnCards(request: PlanRequest, options: PlanOptions): Plan {
  const stated = request.flags.tp ?? request.flags["tensor-parallel-size"];
  const numCards = options.devices === undefined ? null : wholeOption("devices", options.devices);
  const { tp: _tp, "tensor-parallel-size": _size, ...others } = request.flags;
  if (stated === "auto") return planFewestCards({ ...request, flags: others }, numCards ?? mostCards);
  if (numCards === null || stated !== undefined) return plan(request);
  const flags = { ...others, [tensorParallelFlag(request.engine)]: String(numCards) };
  return plan({ ...request, flags });
}

/** What saved logs measured of this very start; a start whose number of cards is still open has none of its own. */
function withMeasurements(request: PlanRequest, options: PlanOptions): CalibratedRequest {
  const isOpen = options.devices !== undefined || request.flags.tp === "auto";
  if (isOpen) return { request, note: null };
  return calibratedRequest(readCalibration(calibrationPath(process.env)), request);
}

export async function runPlan(name: string, flags: FlagValues, options: PlanOptions): Promise<void> {
  const { engine, version } = engineOf(options.engine);
  if (engine === "pagoda") {
    const { pagodaPlan } = await import("./plan-pagoda.ts");
    print(await pagodaPlan(name, flags), options);
    return;
  }
  const settings = sourceSettingsFrom(process.env);
  const { facts, stored } = await planModel(name, settings);
  const { device, note } = planDevice(options);
  const request: PlanRequest = {
    model: facts,
    device,
    usedBytes: options.used === undefined ? 0 : parseByteSize(options.used),
    engine,
    version,
    flags,
    usage: options.library === true ? "library" : "serve",
    ...(await draftOf(flags, settings)),
    ...(stored === null ? {} : { storedWeightsBytes: stored.expectedBytes }),
  };
  const variant = planVariant(request, options);
  if (variant !== null) {
    process.stdout.write(`${variant}\n`);
    return;
  }
  const known = withMeasurements(request, options);
  const answer = planOnCards(known.request, options);
  const notes = [
    note,
    known.note,
    stored === null ? null : `stored tensors: ${stored.expectedBytes} bytes (${stored.evidence.why})`,
  ];
  const noted: Plan = { ...answer, warnings: [...answer.warnings, ...notes.filter((line) => line !== null)] };
  print(noted, options);
  process.exitCode = answer.verdict.kind === "fits" || answer.verdict.kind === "uncertain" ? 0 : 3;
}
