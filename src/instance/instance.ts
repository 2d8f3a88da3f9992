/** @module A running instance: the one place where backend, model and engine are wired together. */
import type { BackendLimits, LoadedModel, LoadProgress } from "../backend/backend.ts";
import { instanceFootprint } from "../backend/cpu/footprint/index.ts";
import type { EngineObserver } from "../core/generation.ts";
import { Engine } from "../engine/engine.ts";
import { ChatTemplate } from "../model/chat-template/chat-template.ts";
import { chosenBackend } from "./backend.ts";
import { constraintCapacityBytes, unreadCapacityBytes } from "./memory/heap-shares.ts";
import { memoryReporter } from "./memory-report.ts";
import type { PreparedInstance } from "./prepared-instance.ts";
import { describeServedModel } from "./served-model.ts";

/** What may differ between engines over one loaded model, as far as its memory was allocated. */
export interface EngineChanges {
  readonly limits: Partial<Pick<BackendLimits, "numBlocks" | "maxNumSeqs" | "maxNumBatchedTokens">>;
  readonly maxStepMs: number;
  readonly prefixCaching: boolean;
}

export interface Instance {
  readonly engine: Engine;
  /** A further engine over the same weights and the same memory; the caller lets only one of them serve at a time. */
  engineWith(changes: EngineChanges, observer: EngineObserver): Engine;
  /** Ends every request, then frees everything. */
  close(): Promise<void>;
}

export interface LoadHooks {
  readonly observer?: EngineObserver;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** Everything is allocated, and its pages touched, when this resolves. */
export async function loadInstance(prepared: PreparedInstance, hooks: LoadHooks): Promise<Instance> {
  const { settings, plan, program, files, device } = prepared;
  const backend = await chosenBackend(settings);
  const model = await backend.load(program, plan.limits, hooks.onProgress);
  const shared = {
    model,
    limits: plan.limits,
    vocabularyWidth: program.vocabularyWidth,
    bytesPerBlock: plan.bytesPerBlock,
    tokenizer: files.tokenizer,
    chatTemplate: files.chatTemplate ?? templateOfRequests(prepared),
    eosTokenIds: files.eosIds,
    served: describeServedModel(prepared),
    modelMaxLen: prepared.modelMaxLen,
    prefixCaching: settings.prefixCaching.value,
    maxStepMs: settings.maxStepMs.value,
    constraintCapacityBytes: constraintCapacityBytes(plan.heapCeilingMib),
    unreadCapacityBytes: unreadCapacityBytes(plan.heapCeilingMib),
    extraBytes: (limits: Partial<BackendLimits>) =>
      instanceFootprint(program, { ...plan.limits, ...limits }, settings.numRanks.value).totalBytes -
      plan.footprint.totalBytes,
    memory: memoryReporter({ settings, plan, model, device }),
  };
  const engine = new Engine({
    ...shared,
    ...(hooks.observer === undefined ? {} : { observer: hooks.observer }),
  });
  return {
    engine,
    engineWith: ({ limits, ...changes }, observer) =>
      new Engine({ ...shared, ...changes, limits: { ...plan.limits, ...limits }, observer }),
    close: () => closeBoth(engine, model),
  };
}

/** A model without a template takes messages only from requests that bring one, where the server trusts them. */
function templateOfRequests({ settings, files }: PreparedInstance): ChatTemplate | null {
  if (!settings.trustRequestChatTemplate.value) return null;
  return new ChatTemplate(null, files.templateTokens, files.path);
}

async function closeBoth(engine: Engine, model: LoadedModel): Promise<void> {
  await engine.close();
  await model.close();
}
