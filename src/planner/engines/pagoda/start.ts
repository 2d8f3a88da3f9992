/** @module A start of our engine out of a request: the settings that its flags make, and what they are planned with. */
import { PagodaError } from "../../../core/errors.ts";
import { attributeOf } from "../../../core/options/option.ts";
import { readOptions } from "../../../core/options/read-options.ts";
import type { Device } from "../../device/device.ts";
import type { FlagValue } from "../../plan/flag.ts";
import type { PlanRequest } from "../../plan/plan.ts";
import { nearest } from "../../words/nearest.ts";
import { pagodaFlags } from "./flag-table.ts";
import { shapeOfFacts } from "./memory/model-shape.ts";
import { memoryOptions } from "./memory/options.ts";
import { type MemorySettings, resolveMemorySettings } from "./memory/settings.ts";
import type { MemoryParts } from "./memory/stated-plan.ts";

export interface PagodaStart {
  readonly settings: MemorySettings;
  readonly parts: MemoryParts;
  /** What had to be assumed of the model; empty where its headers were read. */
  readonly assumed: readonly string[];
}

/** @throws PagodaError `plan_invalid`, `invalid_option`, `model_unsupported`. */
export function startOf(request: PlanRequest): PagodaStart {
  const { device, usedBytes, flags, environment = {}, version } = request;
  assertVersion(version);
  assertRuns(device);
  assertKnown(Object.keys(flags));
  const given = Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [attributeOf(`--${name}`), asText(name, value)]),
  );
  const values = readOptions(memoryOptions, given, environment);
  const settings = resolveMemorySettings(values, device.numMultiprocessors);
  const totalBytes = device.total.expectedBytes;
  const memory = { totalBytes, availableBytes: Math.max(0, totalBytes - usedBytes) };
  return { settings, ...partsOf(request, memory) };
}

/** Tokens that most chat templates and a short question with its answer take. */
const usualLeastLen = 320;

function partsOf(
  { model, program }: PlanRequest,
  device: MemoryParts["device"],
): Pick<PagodaStart, "parts" | "assumed"> {
  const shared = { device, heapCeilingMib: null };
  if (program !== undefined) return { parts: { ...shared, ...program }, assumed: [] };
  return {
    parts: {
      ...shared,
      shapeUnder: (quantization) => shapeOfFacts(model, quantization),
      modelMaxLen: model.maxPositions,
      leastUsefulLen: Math.min(usualLeastLen, model.maxPositions),
    },
    assumed: [
      ...model.assumed,
      "the shape follows from the configuration, and the headers of the weights were not read",
    ],
  };
}

/** Version of the rules: that of the package that they are part of. */
export const newestPagoda = "0.1.0";

function assertVersion(version: string | null): void {
  if (version === null || version === newestPagoda) return;
  throw new PagodaError("plan_invalid", `The planner knows Pagoda ${newestPagoda}; got ${version}.`, {
    param: "engine",
    hint: "Write --engine pagoda, or run the pagoda of that version.",
  });
}

/** Our engine runs on processors; the WebGPU backend is not there yet. */
function assertRuns({ name, vendor }: Device): void {
  if (vendor === "cpu") return;
  throw new PagodaError("plan_invalid", `Pagoda's engine runs on processors, and ${name} is a GPU.`, {
    param: "gpu",
    hint: "Leave --gpu out to plan for this machine, or state another machine's memory: --gpu-memory 16GiB.",
  });
}

function assertKnown(names: readonly string[]): void {
  const known = pagodaFlags.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new PagodaError("plan_invalid", `Pagoda has no flag --${unknown}.`, {
    param: unknown,
    hint: `The nearest is --${nearest(unknown, known)}.`,
  });
}

/** As commander would hand it over. */
function asText(name: string, value: FlagValue): string | boolean {
  const isSwitch = pagodaFlags.find((spec) => spec.name === name)?.kind === "switch";
  if (isSwitch) return value === true || (typeof value === "string" && !/^(false|0|no|off)$/i.test(value));
  if (typeof value === "string") return value;
  if (value === true)
    throw new PagodaError("plan_invalid", `--${name} has no value.`, {
      param: name,
      hint: `Write it as --${name} VALUE.`,
    });
  return value.join(" ");
}
