/** @module The KV pool of a vLLM start for a given number of available bytes: every exact step after the profile run. */

import type { Device } from "../../../device/device.ts";
import { groupLayers, type LayerGroup, poolBlockBytes, projectGroups } from "../../../kv/layer-groups.ts";
import { pageBytes, type RequestLimits } from "../../../kv/layer-spec.ts";
import { type Pool, type PoolOutcome, poolOutcome } from "../../../kv/pool-capacity.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { memoPerModel } from "../../../model/memo.ts";
import { pipelineStages } from "../../../model/weights/rank-tensors.ts";
import { concurrentBatches, hasAttention, type VllmSettings } from "../settings/settings.ts";
import type { VllmProfile } from "../settings/versions.ts";
import type { Draft } from "./draft.ts";
import { draftLayerName, indexLayerName, type KvLayers, kvLayers } from "./kv-layers.ts";

export interface VllmPool {
  readonly layers: KvLayers;
  readonly groups: readonly LayerGroup[];
  /** The groups of each pipeline stage. */
  readonly stages: readonly (readonly LayerGroup[])[];
  readonly limits: RequestLimits;
  readonly bytesPerToken: number;
  /** Bytes of one block on the stage with most layers. */
  readonly blockBytes: number;
}

type GroupedLayers = Pick<VllmPool, "layers" | "groups" | "stages" | "bytesPerToken" | "blockBytes">;

function groupModel(
  model: ModelFacts,
  device: Device,
  settings: VllmSettings,
  profile: VllmProfile,
  draft: Draft | null,
): GroupedLayers {
  const layers = kvLayers(model, device, settings, profile, draft);
  const groups = groupLayers(layers.layers, {
    disableHybrid: settings.disablesHybrid,
    mayPadPages: profile.mayPadPages,
  });
  const stages = pipelineStages(model.layers.length, settings.pipelineParallel).map(([from, to]) => {
    const indexes = Array.from({ length: to - from }, (_, offset) => from + offset);
    const names = new Set(indexes.flatMap((index) => [`layer.${index}`, indexLayerName(index)]));
    const isLast = to === model.layers.length;
    if (isLast) for (const index of (draft?.facts.layers ?? []).keys()) names.add(draftLayerName(index));
    return settings.pipelineParallel === 1 ? groups : projectGroups(groups, names);
  });
  const bytesPerToken = layers.layers.reduce(
    (total, { spec }) => total + (spec.kind === "mamba" ? 0 : pageBytes(spec) / spec.blockSize),
    0,
  );
  return {
    layers,
    groups,
    stages,
    bytesPerToken: bytesPerToken / settings.pipelineParallel,
    blockBytes: Math.max(...stages.map(poolBlockBytes)),
  };
}

/** Layers and groups depend on no length and no memory. */
const groupedLayers = memoPerModel(
  (device: Device, settings: VllmSettings, profile: VllmProfile, draft: Draft | null) =>
    [
      device.vendor,
      device.computeCapability,
      profile.id,
      settings.blockSize?.value,
      settings.tensorParallel,
      settings.pipelineParallel,
      settings.kvDtype,
      settings.numSpeculativeTokens,
      settings.mambaCacheMode,
      settings.stateDtype,
      settings.disablesHybrid,
      settings.extraWindowTokens,
      ...settings.skippedKvLayers,
      draft === null ? "" : `${draft.tensorParallel} ${JSON.stringify(draft.facts.layers)}`,
    ].join(" "),
  groupModel,
);

/** Groups, limits and stages of a start; nothing here depends on memory. */
export function describePool(
  model: ModelFacts,
  device: Device,
  settings: VllmSettings,
  profile: VllmProfile,
  draft: Draft | null = null,
): VllmPool {
  const grouped = groupedLayers(model, device, settings, profile, draft);
  const blockSize = hasAttention(model) ? grouped.layers.blockSize : settings.maxModelLen.value;
  return {
    ...grouped,
    layers: { ...grouped.layers, blockSize },
    limits: {
      maxModelLen: settings.maxModelLen.value,
      maxInFlightTokens: concurrentBatches(settings) * settings.maxBatchedTokens.value,
      decodeContextParallel: settings.decodeContextParallel,
      mambaCacheMode: settings.mambaCacheMode,
      maxEncoderTokens: settings.maxBatchedTokens.value,
    },
  };
}

/** V0 counts in blocks alone: no groups, no null block, concurrency from tokens. */
function v0Counts(pool: Pool, blockSize: number, maxModelLen: number): Pool {
  const numTokens = pool.numBlocks * blockSize;
  return { ...pool, numTokens, concurrency: numTokens / maxModelLen };
}

function printedTokens(pool: Pool, described: VllmPool, profile: VllmProfile): number {
  if (profile.tokenCount === "concurrency") return pool.numTokens;
  const numGroups = profile.tokenCount === "blocks" ? 1 : Math.max(1, described.groups.length);
  const ranks = described.limits.decodeContextParallel;
  return Math.floor(pool.numBlocks / numGroups) * described.layers.blockSize * ranks;
}

/** What vLLM does with `availableBytes` on each stage. */
export function vllmPoolOutcome(
  described: VllmPool,
  availableBytes: readonly number[],
  settings: VllmSettings,
  profile: VllmProfile,
): PoolOutcome {
  if (described.groups.length === 0)
    return { kind: "fits", maxModelLen: settings.maxModelLen.value, pool: attentionFree(settings) };
  const workers = described.stages
    .map((groups, stage) => ({ groups, availableBytes: availableBytes[stage] ?? availableBytes[0] ?? 0 }))
    .filter(({ groups }) => poolBlockBytes(groups) > 0);
  const outcome = poolOutcome(workers, described.groups, described.limits, {
    reservesNullBlock: profile.reservesNullBlock,
    numBlocksOverride: settings.numBlocksOverride,
    fitsLength: settings.fitsLength,
  });
  if (outcome.kind !== "fits") return outcome;
  const counted =
    profile.runner === "v0"
      ? v0Counts(outcome.pool, described.layers.blockSize, outcome.maxModelLen)
      : { ...outcome.pool, numTokens: printedTokens(outcome.pool, described, profile) };
  return { ...outcome, pool: counted };
}

/** A model without attention has one block, the null block. */
function attentionFree(settings: VllmSettings): Pool {
  return {
    numBlocks: 1,
    blockBytes: 0,
    blocksPerRequest: 1,
    concurrency: settings.maxSeqs.value,
    numTokens: 0,
  };
}
