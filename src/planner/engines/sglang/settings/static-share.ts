/**
 * @module The default of `--mem-fraction-static`: what of the free memory weights and pool may have (`server_args.py`,
 * `_handle_gpu_memory_settings`). All sizes are MiB, and the share is rounded to a thousandth.
 */
import { mib } from "../../../../core/byte-size.ts";
import type { Device } from "../../../device/device.ts";
import type { VisionFacts } from "../../../model/facts.ts";
import type { SglangProfile } from "./versions.ts";

export interface Batching {
  /** Tokens of one prefill; 0: prompts are not cut. */
  readonly prefillTokens: number;
  /** The largest batch whose decoding is captured. */
  readonly captured: number;
}

interface Size {
  /** MiB below which a card is of this size. */
  readonly below: number;
  readonly prefillTokens: number;
  readonly captured: number;
  readonly capturedOverFour: number;
}

const sizes: readonly Size[] = [
  { below: 20 * 1024, prefillTokens: 2048, captured: 8, capturedOverFour: 8 },
  { below: 35 * 1024, prefillTokens: 2048, captured: 24, capturedOverFour: 80 },
  { below: 60 * 1024, prefillTokens: 4096, captured: 32, capturedOverFour: 160 },
  { below: 160 * 1024, prefillTokens: 8192, captured: 256, capturedOverFour: 512 },
  { below: Number.POSITIVE_INFINITY, prefillTokens: 16_384, captured: 512, capturedOverFour: 512 },
];
const smallCard = 25_000;

/** What is read and captured at once on a card, where nothing is stated. */
export function defaultBatching({ nominalBytes }: Device, ranks: number, profile: SglangProfile): Batching {
  const card = nominalBytes / mib;
  if (profile.fraction !== "byParts") {
    const isSmall = card < smallCard;
    return { prefillTokens: isSmall ? 2048 : 8192, captured: isSmall ? (ranks < 4 ? 8 : 80) : 160 };
  }
  const size = sizes.find(({ below }) => card < below) ?? sizes.at(-1);
  return {
    prefillTokens: size?.prefillTokens ?? 8192,
    captured: (ranks < 4 ? size?.captured : size?.capturedOverFour) ?? 256,
  };
}

function byRanks(ranks: number): number {
  if (ranks >= 16) return 0.79;
  if (ranks >= 8) return 0.81;
  if (ranks >= 4) return 0.85;
  return ranks >= 2 ? 0.87 : 0.88;
}

/** Room that is kept on a card of so many MiB; `ranks`: of tensors and stages together. */
function keptBySize(card: number, ranks: number): number {
  if (card < 35 * 1024) return (2.8 + ranks / 10) * 1024;
  if (card < 90 * 1024) return (9.5 + ranks / 2) * 1024;
  return card < 160 * 1024 ? (12 + ranks / 2) * 1024 : 32 * 1024;
}

/** Lengths of a prefill that are captured: finely while short, then in steps of 256 and 512. */
function numCapturedPrefills(prefillTokens: number): number {
  const steps = [
    [32, 4],
    [256, 16],
    [512, 32],
    [1024, 64],
    [4096, 256],
  ] as const;
  let [from, count] = [0, 0];
  for (const [to, step] of steps) {
    count += Math.max(0, Math.floor((Math.min(to, prefillTokens) - from) / step));
    from = to;
  }
  return count + Math.max(0, Math.floor((prefillTokens - from) / 512));
}

const leastOnLargeCards = 10 * 1024;

export interface ShareInputs {
  readonly device: Device;
  readonly ranks: number;
  readonly batching: Batching;
  readonly maxPrefillTokens: number;
  /** Ranks of data, where attention is divided by them; 1 elsewhere. */
  readonly attentionRanks: number;
  readonly drafts: boolean;
  readonly capturesPrefill: boolean;
}

function keptByParts({ device, ranks, batching, ...inputs }: ShareInputs): number {
  const { prefillTokens, captured } = batching;
  const longest = prefillTokens > 0 ? prefillTokens : inputs.maxPrefillTokens;
  let kept = 512 + Math.max(longest, 2048) * 1.5 + captured * 2 + (ranks / 8) * 1024;
  if (inputs.attentionRanks > 1) kept += captured * inputs.attentionRanks * (captured > 300 ? 4.5 : 3);
  if (inputs.capturesPrefill) kept += numCapturedPrefills(longest) * 8;
  if (device.nominalBytes / mib > 60 * 1024) kept = Math.max(kept, leastOnLargeCards);
  return inputs.drafts ? kept + 2 * 1024 : kept;
}

/** A tower costs a part of the share: more, the larger it is against a ViT-L of 24 layers of 1024 (`adjust_mem_fraction_for_vlm`). */
function imageFactor({ hiddenSize, numLayers }: VisionFacts): number {
  const ratio = (numLayers * hiddenSize ** 2) / (24 * 1024 ** 2);
  return 0.95 * Math.max(0.8, Math.min(1.05, 1 - 0.1 * (ratio - 1)));
}

/** The share that a start takes by default. */
export function defaultShare(
  inputs: ShareInputs,
  vision: VisionFacts | null,
  profile: SglangProfile,
): number {
  const share = withoutImages(inputs, profile);
  return vision === null || !profile.reducesForImages ? share : share * imageFactor(vision);
}

function withoutImages(inputs: ShareInputs, { fraction }: SglangProfile): number {
  const { device, ranks } = inputs;
  if (fraction === "byRanks") return byRanks(ranks);
  const card = device.nominalBytes / mib;
  const kept =
    fraction === "byParts"
      ? keptByParts(inputs)
      : keptBySize(card, ranks) + (inputs.drafts ? 2 * 1024 : 0) + (inputs.attentionRanks > 1 ? 4 * 1024 : 0);
  return Math.round(((card - kept) / card) * 1000) / 1000;
}
