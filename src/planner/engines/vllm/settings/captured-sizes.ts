/** @module How many batch sizes are captured as CUDA graphs: their number is what graphs cost. */
import type { FlagReader } from "../../../plan/flags.ts";
import type { VllmProfile } from "./versions.ts";

export interface CapturedSizes {
  /** Graphs in all: those of mixed batches, and those of pure decoding. */
  readonly numGraphs: number;
  /** Requests of the largest that decodes alone. */
  readonly largestDecoding: number;
}

const mixedLimit = 512;
const v0Limit = 256;

/** 1, 2, 4; by 8 up to 256; by 16 beyond (by 8 in V0 and before 0.11). */
function defaultSizes(largest: number, isFine: boolean): number[] {
  const sizes = [1, 2, 4];
  for (let size = 8; size <= largest; size += isFine || size < 256 ? 8 : 16) sizes.push(size);
  return sizes.filter((size) => size <= largest);
}

/** Whole numbers of a flag that takes several, or of a list in the compilation's JSON. */
function statedSizes(flags: FlagReader, compilation: string): number[] | null {
  const listed =
    flags.words("cudagraph-capture-sizes")?.join(" ") ??
    /cudagraph_capture_sizes['"]?\s*:\s*\[([^\]]*)\]/.exec(compilation)?.[1];
  const sizes = (listed?.match(/\d+/g) ?? []).map(Number).filter((size) => size > 0);
  return sizes.length === 0 ? null : sizes;
}

/** What a start captures. */
export function capturedSizes(flags: FlagReader, maxSeqs: number, profile: VllmProfile): CapturedSizes {
  const compilation = flags.text("compilation-config") ?? "";
  const stated = statedSizes(flags, compilation);
  const limit = /max_cudagraph_capture_size['"]?\s*:\s*(\d+)/.exec(compilation)?.[1];
  const most = flags.integer("max-cudagraph-capture-size") ?? (limit === undefined ? null : Number(limit));
  if (profile.runner === "v0") {
    const sizes = stated ?? defaultSizes(Math.min(most ?? v0Limit, maxSeqs), true);
    return { numGraphs: sizes.length, largestDecoding: Math.max(1, ...sizes) };
  }
  const mixed = stated ?? defaultSizes(most ?? Math.min(mixedLimit, 2 * maxSeqs), !profile.capturesDecoding);
  const decoding = mixed.filter((size) => size <= maxSeqs);
  const mode = /cudagraph_mode['"]?\s*:\s*['"]?([A-Z_]+)/.exec(compilation)?.[1];
  const numMixed = mode === "FULL_DECODE_ONLY" ? 0 : mixed.length;
  const decodes = profile.capturesDecoding && mode !== "PIECEWISE" && mode !== "FULL";
  if (!decodes) return { numGraphs: numMixed, largestDecoding: 0 };
  return { numGraphs: numMixed + decoding.length, largestDecoding: Math.max(1, ...decoding) };
}
