/**
 * @module An instance in two steps, and the one place where the rooms are wired together: what can be refused is refused
 * by `prepareInstance`, before a port is opened or a weight is read; `loadInstance` allocates and loads.
 */
import type { LoadedModel, LoadProgress, Program } from "../backend/backend.ts";
import type { DeviceMemory } from "../core/budget.ts";
import type { EngineObserver, ServedModel } from "../core/generation.ts";
import { defaultSamplingParams } from "../core/sampling-params.ts";
import { Engine } from "../engine/engine.ts";
import { buildProgram } from "../model/architectures/build-program.ts";
import { parseGgufConfig } from "../model/config/gguf-config.ts";
import { parseHuggingFaceConfig } from "../model/config/huggingface-config.ts";
import type { ModelConfig } from "../model/config/model-config.ts";
import { modelNamesOf } from "../model/generation-defaults/model-names.ts";
import {
  type SamplingChoice,
  type SamplingDefaults,
  samplingDefaults,
} from "../model/generation-defaults/sampling-defaults.ts";
import { loadModelFiles, type ModelFiles } from "../model/model-files.ts";
import { type ProgressListener, resolveModel, sourceSettingsFrom } from "../model/source/resolve-model.ts";
import { chooseBackend } from "./choose-backend.ts";
import { readDeviceMemory } from "./device-memory.ts";
import { heapCeilingMib, unreadCapacityBytes } from "./heap-shares.ts";
import { type InstancePlan, planInstance } from "./instance-plan.ts";
import { memoryFacts } from "./memory-facts.ts";
import { runtimeReservationBytes } from "./runtime-reservation.ts";
import type { InstanceSettings } from "./settings.ts";

export interface PreparedInstance {
  readonly settings: InstanceSettings;
  readonly device: DeviceMemory;
  /** Its names in the API; the first is the one that answers have. */
  readonly names: readonly [string, ...string[]];
  /** Its own name. */
  readonly root: string;
  readonly files: ModelFiles;
  readonly program: Program;
  readonly plan: InstancePlan;
  readonly sampling: SamplingDefaults;
  /** The longest sequences that the model was made for. */
  readonly modelMaxLen: number;
  /** What the user should know of the choices made. */
  readonly notes: readonly string[];
}

export interface Instance {
  readonly engine: Engine;
  /** Ends every request, then frees everything. */
  close(): Promise<void>;
}

export interface LoadHooks {
  readonly observer?: EngineObserver;
  readonly onProgress?: (progress: LoadProgress) => void;
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
  const files = loadModelFiles(found.model);
  const { plan, program, modelMaxLen } = planModel(files, settings, device);
  return {
    settings,
    device,
    names: settings.servedModelNames?.value ?? [found.modelId],
    root: found.root,
    files,
    program,
    plan,
    sampling: samplingDefaultsOf(files, found.modelId, settings.sampling),
    modelMaxLen,
    notes: [...found.notes, ...files.generationDefaults.ignored, ...files.notes],
  };
}

/** Everything is allocated, and its pages touched, when this resolves. */
export async function loadInstance(prepared: PreparedInstance, hooks: LoadHooks): Promise<Instance> {
  const { settings, plan, program, files, device } = prepared;
  const backend = await chooseBackend(settings);
  const model = await backend.load(program, plan.limits, hooks.onProgress);
  const engine = new Engine({
    model,
    limits: plan.limits,
    vocabularyWidth: program.vocabularyWidth,
    bytesPerBlock: plan.bytesPerBlock,
    tokenizer: files.tokenizer,
    chatTemplate: files.chatTemplate,
    eosTokenIds: files.eosIds,
    served: describeServedModel(prepared),
    modelMaxLen: prepared.modelMaxLen,
    prefixCaching: settings.prefixCaching.value,
    maxStepMs: settings.maxStepMs.value,
    unreadCapacityBytes: unreadCapacityBytes(heapCeilingMib(plan.budget.capBytes)),
    memory: memoryFacts({ settings, plan, model, device }),
    ...(hooks.observer === undefined ? {} : { observer: hooks.observer }),
  });
  return { engine, close: () => closeBoth(engine, model) };
}

async function closeBoth(engine: Engine, model: LoadedModel): Promise<void> {
  await engine.close();
  await model.close();
}

/** A source may hold weights that are only meant to be used quantised; what the user says wins. */
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

/** The program may depend on the length that the budget decides (LongRoPE), its sizes never: it is built again for it. */
function planModel(
  files: ModelFiles,
  settings: InstanceSettings,
  device: DeviceMemory,
): Pick<PreparedInstance, "plan" | "program" | "modelMaxLen"> {
  const config = readConfig(files);
  const quantization = settings.quantization.value;
  const shape = buildProgram(config, files.tensors, { quantization });
  const runtimeBytesUnder = (capBytes: number | null): number =>
    runtimeReservationBytes(heapCeilingMib(capBytes), settings.numThreads.value);
  const modelMaxLen = config.maxPositions;
  const plan = planInstance(settings, { shape, modelMaxLen, device, runtimeBytesUnder });
  const { maxModelLen } = plan.limits;
  if (maxModelLen === modelMaxLen) return { plan, program: shape, modelMaxLen };
  return { plan, program: buildProgram(config, files.tensors, { quantization, maxModelLen }), modelMaxLen };
}

function readConfig(files: ModelFiles): ModelConfig {
  return files.config.kind === "hf"
    ? parseHuggingFaceConfig(files.config.json)
    : parseGgufConfig(files.config.metadata, files.tensors);
}

/** What can be said of the model before it is loaded. */
export function describeServedModel({
  settings,
  plan,
  files,
  sampling,
  names,
  root,
}: PreparedInstance): ServedModel {
  const statedSampling = {
    ...defaultSamplingParams,
    ...sampling.stated,
    seed: settings.seed?.value ?? null,
  };
  return {
    modelId: names[0],
    root,
    maxModelLen: plan.limits.maxModelLen,
    maxLogprobs: plan.limits.maxLogprobs,
    statedSampling,
    defaultSampling: { ...statedSampling, ...sampling.recommended },
    samplingOrigin: sampling.origin,
    maxTokensCeiling: sampling.maxTokensCeiling,
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    hasChatTemplate: files.chatTemplate !== null,
    features: new Set(),
  };
}
