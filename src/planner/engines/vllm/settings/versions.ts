/** @module What changed between the versions of vLLM that a memory plan can feel (vllm-memory.md §0.2). */
import { PagodaError } from "../../../../core/errors.ts";

/** How the sampler's dummy run works on the logits: what it holds for each of rows × vocabulary. */
export type SamplerPath = "sort" | "kernel" | "bare";

export interface VllmProfile {
  readonly id: string;
  readonly since: readonly [number, number, number];
  readonly runner: "v0" | "v1";
  readonly defaultUtilization: number;
  /** Graph memory is estimated and taken out of the budget. */
  readonly chargesGraphs: boolean;
  /** From when dense models run on the second model runner. */
  readonly secondRunner: "never" | "dense" | "all";
  readonly estimatesGraphsOnSecondRunner: boolean;
  readonly reservesNullBlock: boolean;
  /** Free memory is compared with the budget before loading. */
  readonly checksFreeMemory: boolean;
  /**
   * Everything that the device holds when the profile run ends is taken off the share, of other processes and the own
   * context too (gpu_worker.py before 0.9.1, changed by vLLM's pull request 18974; worker.py of 0.6.4, 9352 and 10511).
   */
  readonly billsDevice: boolean;
  /** Printed tokens: blocks × size, blocks ÷ groups × size, or concurrency × length. */
  readonly tokenCount: "blocks" | "blocksOverGroups" | "concurrency";
  /** Batches that hold tokens not yet settled. */
  readonly inFlightBatches: 1 | 2;
  /** Communication buffers are made after the first snapshot and therefore billed. */
  readonly billsCommunication: boolean;
  readonly sampler: (computeCapability: number) => SamplerPath;
  /** Hopper runs kernels of its own (FlashAttention 3, Triton experts), which are billed and pad MXFP4 less. */
  readonly hasHopperKernels: boolean;
  /** Nobody's complete log of the sampler on Hopper was at hand: the interval spans both paths. */
  readonly isHopperSamplerOpen: boolean;
  readonly largeBatchDefaults: "none" | "tokens" | "tokensAndSeqs";
  readonly logStyle: "v0" | "twoLines" | "oneLine";
  readonly mayPadPages: boolean;
  /** Prefixes of models with states: cached by default, where asked for (0.15, mode align), or never. */
  readonly mambaPrefixes: "never" | "asked" | "cached";
  /** Pure decoding has graphs of its own beside those of mixed batches. */
  readonly capturesDecoding: boolean;
  /** `--kv-cache-memory-bytes` is there. */
  readonly takesKvBytes: boolean;
  /** States a Mamba 2 layer keeps for a prefill checkpoint (align mode). */
  readonly mamba2CheckpointBlocks: 0 | 1;
  readonly usesLatentCache: boolean;
}

const sorts = (): SamplerPath => "sort";
const kernels = (): SamplerPath => "kernel";
const hopperKernels = (computeCapability: number): SamplerPath =>
  computeCapability >= 9 ? "kernel" : "sort";

const v0: VllmProfile = {
  id: "0.2-0.7",
  since: [0, 0, 0],
  runner: "v0",
  defaultUtilization: 0.9,
  chargesGraphs: false,
  secondRunner: "never",
  estimatesGraphsOnSecondRunner: false,
  reservesNullBlock: false,
  checksFreeMemory: false,
  billsDevice: false,
  tokenCount: "blocks",
  inFlightBatches: 1,
  billsCommunication: true,
  sampler: sorts,
  hasHopperKernels: false,
  isHopperSamplerOpen: false,
  largeBatchDefaults: "none",
  logStyle: "v0",
  mayPadPages: false,
  mambaPrefixes: "never",
  capturesDecoding: false,
  takesKvBytes: false,
  mamba2CheckpointBlocks: 0,
  usesLatentCache: false,
};
const v1: VllmProfile = {
  ...v0,
  id: "0.9.1-0.9",
  since: [0, 9, 1],
  runner: "v1",
  checksFreeMemory: true,
  tokenCount: "blocksOverGroups",
  largeBatchDefaults: "tokens",
  logStyle: "twoLines",
  usesLatentCache: true,
};

const eleven: VllmProfile = {
  ...v1,
  id: "0.11-0.14",
  since: [0, 11, 0],
  largeBatchDefaults: "tokensAndSeqs",
  sampler: hopperKernels,
  hasHopperKernels: true,
  isHopperSamplerOpen: true,
  capturesDecoding: true,
  takesKvBytes: true,
};
const seventeen: VllmProfile = {
  ...eleven,
  id: "0.17-0.19",
  since: [0, 17, 0],
  isHopperSamplerOpen: false,
  mambaPrefixes: "asked",
};

/** Oldest first; a version takes the last profile that is not newer than it. */
const profiles: readonly VllmProfile[] = [
  v0,
  { ...v0, id: "0.6.4", since: [0, 6, 4], billsDevice: true },
  { ...v0, id: "0.6.5-0.6", since: [0, 6, 5] },
  { ...v0, id: "0.7", since: [0, 7, 0], usesLatentCache: true },
  { ...v1, id: "0.8-0.9.0", since: [0, 8, 0], checksFreeMemory: false, billsDevice: true },
  v1,
  { ...v1, id: "0.10", since: [0, 10, 0], largeBatchDefaults: "tokensAndSeqs" },
  eleven,
  { ...eleven, id: "0.15-0.16", since: [0, 15, 0], mambaPrefixes: "asked" },
  seventeen,
  { ...seventeen, id: "0.20.0", since: [0, 20, 0], sampler: kernels },
  { ...seventeen, id: "0.20", since: [0, 20, 1], sampler: kernels, tokenCount: "concurrency" },
  ...newest(),
];

function newest(): VllmProfile[] {
  const charged: VllmProfile = {
    ...seventeen,
    id: "0.21-0.24",
    since: [0, 21, 0],
    sampler: kernels,
    tokenCount: "concurrency",
    defaultUtilization: 0.92,
    chargesGraphs: true,
    billsCommunication: false,
    mambaPrefixes: "cached",
  };
  const second: VllmProfile = {
    ...charged,
    id: "0.25-0.27",
    since: [0, 25, 0],
    secondRunner: "dense",
    inFlightBatches: 2,
  };
  const nullBlock: VllmProfile = {
    ...second,
    id: "0.28",
    since: [0, 28, 0],
    reservesNullBlock: true,
    logStyle: "oneLine",
  };
  const measuredGraphs: VllmProfile = {
    ...nullBlock,
    id: "0.29",
    since: [0, 29, 0],
    secondRunner: "all",
    estimatesGraphsOnSecondRunner: true,
  };
  return [
    charged,
    second,
    nullBlock,
    measuredGraphs,
    { ...measuredGraphs, id: "0.30-0.32", since: [0, 30, 0], mayPadPages: true, mamba2CheckpointBlocks: 1 },
  ];
}

export const newestVllm = "0.32.0";

type Release = readonly [major: number, minor: number, patch: number];

/** Major, minor and patch of the first version number in a text, 0 where it names no patch; null where there is none. */
export function versionNumber(text: string): Release | null {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** True where `version` is `first` or newer. */
export function isSince(version: Release, first: Release): boolean {
  const at = version.findIndex((part, index) => part !== first[index]);
  return at === -1 || (version[at] ?? 0) > (first[at] ?? 0);
}

/**
 * The profile of a version on a card.
 * @throws PagodaError `plan_invalid` where the text holds no version.
 */
export function vllmProfile(version: string, computeCapability: number): VllmProfile {
  const number = versionNumber(version);
  if (number === null)
    throw new PagodaError("plan_invalid", `"${version}" is not a vLLM version.`, {
      param: "engine",
      hint: `Write vllm@0.21, up to vllm@${newestVllm}.`,
    });
  const [major, minor] = number;
  const profile = profiles.findLast(({ since }) => isSince(number, since)) ?? v0;
  // 0.8 to 0.10 still fall back to V0 on cards before Ampere.
  const fallsBack =
    profile.runner === "v1" && major === 0 && minor <= 10 && computeCapability > 0 && computeCapability < 8;
  return fallsBack ? { ...v0, id: "0.8-0.10 on V0", usesLatentCache: true } : profile;
}
