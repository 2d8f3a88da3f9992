/** @module A start to plan: model, device and flags as people name them, looked up. */
import { dirname } from "node:path";
import { parseByteSize } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import type { LocalModel } from "../../../model/model-files.ts";
import type { SourceSettings } from "../../../model/source/resolve-model.ts";
import type { PlanRequest } from "../../../planner/index.ts";
import type { DeviceOptions } from "../../planning/device.ts";
import type { PlannedModel } from "./model.ts";

export interface StatedStart extends Pick<PlanRequest, "engine" | "version" | "flags"> {
  /** A catalogue name, a path or a hub id. */
  readonly model: string;
}

export interface PlaceOptions extends DeviceOptions {
  readonly used?: string;
  readonly library?: boolean;
  readonly assumeDense?: boolean;
}

export interface FoundRequest {
  readonly request: PlanRequest;
  /** What the user should know of the device and of the stored tensors. */
  readonly notes: readonly string[];
}

/** Where starts are on cards and on a machine, --gpu and --used speak of the card, and --gpu-memory of both. */
export function optionsOn(
  runsOn: "cards" | "processors" | "either",
  { gpu, gpuMemory, used }: PlaceOptions,
): PlaceOptions {
  const memory = gpuMemory === undefined ? {} : { gpuMemory };
  if (runsOn === "processors") return memory;
  return { ...memory, ...(gpu === undefined ? {} : { gpu }), ...(used === undefined ? {} : { used }) };
}

/** Looks model and device up. Headers alone are read of a hub's model. */
export async function planRequest(start: StatedStart, options: PlaceOptions): Promise<FoundRequest> {
  const { sourceSettingsFrom } = await import("../../../model/source/resolve-model.ts");
  const { planPlace } = await import("../../planning/device.ts");
  const { draftOf, planModel } = await import("./model.ts");
  const { model: name, ...engineAndFlags } = start;
  const settings = sourceSettingsFrom(process.env);
  const place = planPlace(options, start.engine);
  const { facts, stored, tensors, local, from } = await foundModel(
    name,
    settings,
    planModel,
    options.assumeDense === true,
  );
  const request: PlanRequest = {
    ...engineAndFlags,
    model: facts,
    device: place.device,
    usedBytes: options.used === undefined ? place.usedBytes : parseByteSize(options.used),
    usage: options.library === true ? "library" : "serve",
    environment: process.env,
    ...modelArgumentOf(name, from),
    ...(await draftOf(start.flags, settings)),
    ...(stored === null ? {} : { storedWeightsBytes: stored.expectedBytes }),
    ...(tensors === null ? {} : { tensors }),
    ...(await programOf(local)),
  };
  const storedNote =
    stored === null ? null : `stored tensors: ${stored.expectedBytes} bytes (${stored.evidence.why})`;
  return { request, notes: [place.note, storedNote].filter((note) => note !== null) };
}

/** What an engine's command is given: a path or a hub id as it was typed, and the whole name of a model of the catalogue. */
function modelArgumentOf(name: string, from: PlannedModel["from"]): Pick<PlanRequest, "modelArgument"> {
  if (from === "catalogue") return {};
  return { modelArgument: from === "config.json" ? dirname(name) : name };
}

type PlanModel = typeof import("./model.ts").planModel;

/** With a bar, should headers have to be fetched. */
async function foundModel(
  name: string,
  settings: SourceSettings,
  planModel: PlanModel,
  assumesFields: boolean,
) {
  const { ProgressPrinter } = await import("../../print/progress.ts");
  const progress = new ProgressPrinter();
  const found = await planModel(name, settings, progress.onDownload, assumesFields);
  progress.stop();
  return found;
}

/** The model's shape by its headers; nothing where our own engine would refuse them: other engines may run it. */
async function programOf(local: LocalModel | null): Promise<Pick<PlanRequest, "program">> {
  if (local === null) return {};
  const { readProgramFacts } = await import("../../../instance/index.ts");
  try {
    const program = await readProgramFacts(local);
    program.shapeUnder(null);
    return { program };
  } catch (thrown) {
    if (thrown instanceof PagodaError) return {};
    throw thrown;
  }
}
