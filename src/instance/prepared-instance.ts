/** @module Everything about an instance that can be refused, decided before a port is opened or a weight is read. */
import type { Program } from "../backend/backend.ts";
import { buildProgram } from "../model/architectures/build-program.ts";
import { modelNamesOf } from "../model/generation-defaults/model-names.ts";
import {
  type SamplingChoice,
  type SamplingDefaults,
  samplingDefaults,
} from "../model/generation-defaults/sampling-defaults.ts";
import { loadModelFiles, type ModelFiles } from "../model/model-files.ts";
import { type ProgressListener, resolveModel, sourceSettingsFrom } from "../model/source/resolve-model.ts";
import { type DeviceMemory, type MemoryPlan, planMemory } from "../planner/engines/pagoda/index.ts";
import { readDeviceMemory } from "./memory/device-memory.ts";
import { runningHeapCeilingMib } from "./memory/heap-ceiling.ts";
import { type ProgramFacts, programFactsOf } from "./program-facts.ts";
import { quantizationNote } from "./quantization-effect.ts";
import type { InstanceSettings } from "./settings.ts";
import { leastUsefulLength } from "./useful-length.ts";

export interface PreparedInstance {
  readonly settings: InstanceSettings;
  readonly device: DeviceMemory;
  /** Its names in the API; the first is the one that answers have. */
  readonly names: readonly [string, ...string[]];
  /** Its own name. */
  readonly root: string;
  readonly files: ModelFiles;
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly sampling: SamplingDefaults;
  /** The longest sequences that the model was made for. */
  readonly modelMaxLen: number;
  /** What the user should know of the choices made. */
  readonly notes: readonly string[];
}

/**
 * Finds (and where needed fetches) the model, reads what its files say, and plans its memory. `name` null: the default.
 * Throws the reason of `stop` where that ends a fetch.
 */
export async function prepareInstance(
  name: string | null,
  asked: InstanceSettings,
  onDownload: ProgressListener,
  stop?: AbortSignal,
): Promise<PreparedInstance> {
  const found = await resolveModel(name, sourceSettingsFrom(process.env, stop), onDownload);
  const settings = withModelsOwnQuantization(asked, found.quantization);
  const device = readDeviceMemory();
  const files = loadModelFiles(found.model, settings.chatTemplate?.value ?? null);
  const facts = programFactsOf(files, leastUsefulLength(files));
  const { notes, ...planned } = plannedProgram({ files, facts, programs: new Map() }, settings, device);
  return {
    settings,
    device,
    names: settings.servedModelNames?.value ?? [found.modelId],
    root: found.modelId,
    files,
    ...planned,
    sampling: samplingDefaultsOf(files, found.modelId, settings.sampling),
    notes: [...found.notes, ...files.generationDefaults.ignored, ...files.notes, ...notes],
  };
}

/** A source may hold weights that are only meant to be used quantized; what the user says wins. */
function withModelsOwnQuantization(
  settings: InstanceSettings,
  quantization: "int4" | null,
): InstanceSettings {
  if (quantization === null || settings.quantization.from !== "default") return settings;
  return {
    ...settings,
    quantization: { value: quantization, from: "derived", why: "the default model's other source" },
  };
}

function samplingDefaultsOf(files: ModelFiles, modelId: string, asked: SamplingChoice): SamplingDefaults {
  const { architecture, names } = modelNamesOf(files);
  return samplingDefaults({
    ...asked,
    own: files.generationDefaults,
    ownOrigin:
      files.kind === "gguf" ? "general.sampling of the GGUF file" : "the model's generation_config.json",
    architecture,
    names: [...names, modelId],
  });
}

/** Plans the same model under other settings; nothing is read again. What it returns throws where they do not fit. */
export function plannerOf(prepared: PreparedInstance): (settings: InstanceSettings) => PreparedInstance {
  const { files, device } = prepared;
  const facts = programFactsOf(files, leastUsefulLength(files));
  const programs = new Map<string, Program>();
  return (settings) => {
    const { notes: _, ...planned } = plannedProgram({ files, facts, programs }, settings, device);
    return { ...prepared, settings, ...planned };
  };
}

interface ProgramParts {
  readonly files: ModelFiles;
  readonly facts: ProgramFacts;
  /** Those that were built for a length, by quantization and length. */
  readonly programs: Map<string, Program>;
}

/** The program may depend on the length that the budget decides (LongRoPE), its sizes never: it is built again for it. */
function plannedProgram(
  { files, facts, programs }: ProgramParts,
  settings: InstanceSettings,
  device: DeviceMemory,
): Pick<PreparedInstance, "plan" | "program" | "modelMaxLen" | "notes"> {
  const quantization = settings.quantization.value;
  const note =
    quantization === null
      ? null
      : quantizationNote(quantization, facts.shapeUnder(null), facts.shapeUnder(quantization));
  const notes = note === null ? [] : [note];
  const plan = planMemory(settings, {
    ...facts,
    device,
    heapCeilingMib: runningHeapCeilingMib(process.env),
  });
  const { config, modelMaxLen } = facts;
  const { maxModelLen } = plan.limits;
  const key = `${quantization} ${maxModelLen}`;
  const program =
    maxModelLen === modelMaxLen
      ? facts.shapeUnder(quantization)
      : (programs.get(key) ?? buildProgram(config, files.tensors, { quantization, maxModelLen }));
  programs.set(key, program);
  return { plan, program, modelMaxLen, notes };
}
