/** @module From a model and settings to a running engine: the one place where the rooms are wired together. */
import type { Backend, LoadedModel, LoadProgress } from "../backend/backend.ts";
import type { Program } from "../backend/program.ts";
import type { DeviceMemory } from "../core/budget.ts";
import type { EngineObserver, ServedModel } from "../core/generation.ts";
import { defaultSamplingParams } from "../core/sampling-params.ts";
import { Engine } from "../engine/engine.ts";
import { buildProgram } from "../model/architectures/build-program.ts";
import { parseGgufConfig } from "../model/config/gguf-config.ts";
import { parseHuggingFaceConfig } from "../model/config/huggingface-config.ts";
import type { ModelConfig } from "../model/config/model-config.ts";
import { type LocalModel, loadModelFiles, type ModelFiles } from "../model/model-files.ts";
import type { InstanceSettings } from "./instance-settings.ts";
import { memoryFacts } from "./memory-facts.ts";
import { type InstancePlan, planInstance } from "./plan-instance.ts";

export interface InstanceParts {
  readonly settings: InstanceSettings;
  readonly source: LocalModel;
  /** Its name in the API. */
  readonly modelId: string;
  readonly device: DeviceMemory;
  readonly runtimeBytes: number;
  readonly backend: Backend;
  readonly observer?: EngineObserver;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface Instance {
  readonly engine: Engine;
  readonly plan: InstancePlan;
  readonly kernels: string;
  /** What generation_config.json changed of the sampling defaults, for the log. */
  readonly appliedDefaults: readonly string[];
  close(): Promise<void>;
}

/** Reads the model's files, plans its memory, loads it. Everything is allocated and touched when this resolves. */
export async function startInstance(parts: InstanceParts): Promise<Instance> {
  const { settings, backend } = parts;
  const files = loadModelFiles(parts.source);
  const config = readConfig(files);
  const { plan, program } = planModel(files, config, parts);
  const model = await backend.load(program, plan.limits, parts.onProgress);
  const engine = new Engine({
    model,
    limits: plan.limits,
    vocabularyWidth: program.vocabularyWidth,
    bytesPerBlock: plan.bytesPerBlock,
    tokenizer: files.tokenizer,
    chatTemplate: templateOf(files),
    eosTokenIds: files.eosIds,
    served: servedModel(files, plan, parts),
    prefixCaching: settings.prefixCaching.value,
    maxStepMs: settings.maxStepMs.value,
    memory: memoryFacts({ settings, plan, model, device: parts.device }),
    ...(parts.observer === undefined ? {} : { observer: parts.observer }),
  });
  return {
    engine,
    plan,
    kernels: model.kernels,
    appliedDefaults: files.generationDefaults.applied,
    close: () => closeBoth(engine, model),
  };
}

async function closeBoth(engine: Engine, model: LoadedModel): Promise<void> {
  await engine.close();
  await model.close();
}

function readConfig(files: ModelFiles): ModelConfig {
  return files.config.kind === "hf"
    ? parseHuggingFaceConfig(files.config.json)
    : parseGgufConfig(files.config.metadata, files.tensors);
}

/** The program may depend on the length that the budget decides (LongRoPE), never its sizes: it is built again for it. */
function planModel(
  files: ModelFiles,
  config: ModelConfig,
  parts: InstanceParts,
): { readonly plan: InstancePlan; readonly program: Program } {
  const { settings, device, runtimeBytes } = parts;
  const quantization = settings.quantization.value;
  const shape = buildProgram(config, files.tensors, { quantization });
  const plan = planInstance(settings, { shape, modelMaxLen: config.maxPositions, device, runtimeBytes });
  const maxModelLen = plan.limits.maxModelLen;
  const program =
    maxModelLen === config.maxPositions
      ? shape
      : buildProgram(config, files.tensors, { quantization, maxModelLen });
  return { plan, program };
}

function templateOf(files: ModelFiles) {
  const { chatTemplate } = files;
  if (chatTemplate === null) return null;
  return {
    render: (
      messages: Parameters<typeof chatTemplate.render>[0]["messages"],
      options: Omit<Parameters<typeof chatTemplate.render>[0], "messages">,
    ) => chatTemplate.render({ messages, ...options }),
  };
}

function servedModel(files: ModelFiles, plan: InstancePlan, parts: InstanceParts): ServedModel {
  return {
    modelId: parts.modelId,
    maxModelLen: plan.limits.maxModelLen,
    maxLogprobs: plan.limits.maxLogprobs,
    defaultSampling: {
      ...defaultSamplingParams,
      ...files.generationDefaults.sampling,
      seed: parts.settings.seed?.value ?? null,
    },
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    hasChatTemplate: files.chatTemplate !== null,
  };
}
