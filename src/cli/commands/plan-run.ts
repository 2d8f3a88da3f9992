/** @module Runs `pagoda plan`: reads the inputs, plans, prints. */
import { parseByteSize } from "../../core/byte-size.ts";
import { sourceSettingsFrom } from "../../model/source/resolve-model.ts";
import { type FlagValues, type Plan, type PlanRequest, plan } from "../../planner/index.ts";
import type { PlanOptions } from "./plan.ts";
import { planDevice } from "./plan-device.ts";
import { planModel } from "./plan-model.ts";
import { planTable } from "./plan-table.ts";
import { planVariant } from "./plan-variants.ts";

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

export async function runPlan(name: string, flags: FlagValues, options: PlanOptions): Promise<void> {
  const { engine, version } = engineOf(options.engine);
  if (engine === "pagoda") {
    const { pagodaPlan } = await import("./plan-pagoda.ts");
    print(await pagodaPlan(name, flags), options);
    return;
  }
  const { facts, stored } = await planModel(name, sourceSettingsFrom(process.env));
  const { device, note } = planDevice(options);
  const request: PlanRequest = {
    model: facts,
    device,
    usedBytes: options.used === undefined ? 0 : parseByteSize(options.used),
    engine,
    version,
    flags,
    usage: options.library === true ? "library" : "serve",
    ...(stored === null ? {} : { storedWeightsBytes: stored.expectedBytes }),
  };
  const variant = planVariant(request, options);
  if (variant !== null) {
    process.stdout.write(`${variant}\n`);
    return;
  }
  const answer = plan(request);
  const notes = [
    note,
    stored === null ? null : `stored tensors: ${stored.expectedBytes} bytes (${stored.evidence.why})`,
  ];
  const noted: Plan = { ...answer, warnings: [...answer.warnings, ...notes.filter((line) => line !== null)] };
  print(noted, options);
  process.exitCode = answer.verdict.kind === "fits" || answer.verdict.kind === "uncertain" ? 0 : 3;
}
