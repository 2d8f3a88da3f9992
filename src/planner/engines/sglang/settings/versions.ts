/** @module What changed between the versions of SGLang that a memory plan can feel (`server_args.py` of each). */
import { PagodaError } from "../../../../core/errors.ts";

export interface SglangProfile {
  readonly id: string;
  readonly since: Release;
  /** The default of `--mem-fraction-static`: by ranks alone, by the size of the card, or by the parts that need room. */
  readonly fraction: "byRanks" | "bySize" | "byParts";
  /** Prefill is captured too, and room is kept for that. */
  readonly capturesPrefill: boolean;
  /** Images of a multimodal model take a part of the share. */
  readonly reducesForImages: boolean;
  /** Layers with a window have a pool of their own. */
  readonly hasWindowPool: boolean;
}

type Release = readonly [major: number, minor: number, patch: number];

const first: SglangProfile = {
  id: "0.2-0.4.8",
  since: [0, 0, 0],
  fraction: "byRanks",
  capturesPrefill: false,
  reducesForImages: false,
  hasWindowPool: false,
};

/** Oldest first. */
const profiles: readonly SglangProfile[] = [
  first,
  { ...first, id: "0.4.9-0.5.2", since: [0, 4, 9], fraction: "bySize", reducesForImages: true },
  {
    ...first,
    id: "0.5.3-0.5.9",
    since: [0, 5, 3],
    fraction: "byParts",
    reducesForImages: true,
    hasWindowPool: true,
  },
  {
    ...first,
    id: "0.5.10",
    since: [0, 5, 10],
    fraction: "byParts",
    reducesForImages: true,
    hasWindowPool: true,
    capturesPrefill: true,
  },
];

export const newestSglang = "0.5.19";

/**
 * The profile of a version.
 * @throws PagodaError `plan_invalid` where the text holds no version.
 */
export function sglangProfile(version: string): SglangProfile {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  if (match === null)
    throw new PagodaError("plan_invalid", `"${version}" is not an SGLang version.`, {
      param: "engine",
      hint: `Write sglang@0.4.9, up to sglang@${newestSglang}.`,
    });
  const number: Release = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  return profiles.findLast(({ since }) => isSince(number, since)) ?? first;
}

function isSince(version: Release, start: Release): boolean {
  const at = version.findIndex((part, index) => part !== start[index]);
  return at === -1 || (version[at] ?? 0) > (start[at] ?? 0);
}
