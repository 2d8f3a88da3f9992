/**
 * @module The pools of an SGLang start for a number of available bytes (`pool_configurator.py`).
 *
 *   tokens = ⌊bytes ÷ bytes of a token over all layers⌋, down to whole pages
 *
 * Layers with a window have fewer tokens, in a fixed ratio; recurrent states take a part of the bytes first.
 */
import type { Mixer, ModelFacts } from "../../../model/facts.ts";
import { kvHeadsOnRank, pipelineStages } from "../../../model/weights/rank-tensors.ts";
import type { SglangSettings } from "../settings/settings.ts";

export interface TokenBytes {
  /** Of the layers that see everything. */
  readonly whole: number;
  /** Of the layers with a window, where they have a pool of their own. */
  readonly windowed: number;
  /** Of the states of one request. */
  readonly state: number;
}

const indexScaleGroup = 128;
const float = 4;

function cellBytes(mixer: Mixer, { attentionParallel, kvBytes }: SglangSettings): number {
  if (mixer.kind === "attention") {
    if (mixer.borrowsCache === true) return 0;
    const heads = kvHeadsOnRank(mixer.numKvHeads, attentionParallel);
    return heads * (mixer.headDim + mixer.valueHeadDim) * kvBytes;
  }
  if (mixer.kind !== "latent") return 0;
  const index =
    mixer.indexer === null ? 0 : mixer.indexer.headDim + (mixer.indexer.headDim / indexScaleGroup) * float;
  return (mixer.kvRank + mixer.ropeHeadDim) * kvBytes + index;
}

/** The convolution's window in the model's numbers, the state in f32. */
function stateBytes(mixer: Mixer, tp: number): number {
  if (mixer.kind === "linear") {
    const [keys, values] = [mixer.numKeyHeads * mixer.keyHeadDim, mixer.numValueHeads * mixer.valueHeadDim];
    return ((mixer.convWidth - 1) * (2 * keys + values) * 2 + mixer.keyHeadDim * values * float) / tp;
  }
  if (mixer.kind !== "mamba2") return 0;
  const inner = mixer.numHeads * mixer.headDim;
  const channels = inner + 2 * mixer.numGroups * mixer.stateWidth;
  return ((mixer.convWidth - 1) * channels * 2 + inner * mixer.stateWidth * float) / tp;
}

/** Bytes of a token on a rank of the stage with most of them. */
export function tokenBytes({ layers }: ModelFacts, settings: SglangSettings): TokenBytes {
  const stages = pipelineStages(layers.length, settings.pipelineParallel).map(([from, to]) => {
    let [whole, windowed, state] = [0, 0, 0];
    for (const { mixer } of layers.slice(from, to)) {
      const isWindowed = mixer.kind === "attention" && (mixer.window !== null || mixer.chunk !== null);
      if (isWindowed && settings.dividesWindows) windowed += cellBytes(mixer, settings);
      else whole += cellBytes(mixer, settings);
      state += stateBytes(mixer, settings.attentionParallel);
    }
    return { whole, windowed, state };
  });
  return stages.reduce((most, stage) =>
    stage.whole + stage.windowed + stage.state > most.whole + most.windowed + most.state ? stage : most,
  );
}

export interface SglangPool {
  readonly numTokens: number;
  /** Tokens of the layers with a window; 0: they have no pool of their own. */
  readonly numWindowTokens: number;
  /** Requests whose states are kept. */
  readonly numStates: number;
  readonly stateBytes: number;
  readonly kvBytes: number;
}

/** States that are kept: as stated, as many as requests where no prefixes are kept, else a part of the bytes. */
function numStates(availableBytes: number, perRequest: number, settings: SglangSettings): number {
  if (perRequest === 0) return 0;
  if (settings.maxStates !== null) return settings.maxStates;
  if (!settings.cachesPrefixes && settings.maxRunningRequests !== null) return settings.maxRunningRequests;
  const part = (availableBytes * settings.stateRatio) / (1 + settings.stateRatio);
  return Math.max(0, Math.floor(part / perRequest));
}

export function sglangPool(availableBytes: number, bytes: TokenBytes, settings: SglangSettings): SglangPool {
  const states = numStates(availableBytes, bytes.state, settings);
  const stateTotal = states * bytes.state;
  const rest = availableBytes - stateTotal;
  const perToken = bytes.whole + settings.windowRatio * bytes.windowed;
  const page = settings.pageSize.value;
  const wanted = perToken === 0 ? 0 : Math.floor(rest / perToken);
  const capped = settings.maxTotalTokens === null ? wanted : Math.min(wanted, settings.maxTotalTokens);
  const numTokens = Math.floor(capped / page) * page;
  const numWindowTokens =
    bytes.windowed === 0 ? 0 : Math.floor((numTokens * settings.windowRatio) / page) * page;
  return {
    numTokens,
    numWindowTokens,
    numStates: states,
    stateBytes: stateTotal,
    kvBytes: numTokens * bytes.whole + numWindowTokens * bytes.windowed,
  };
}
