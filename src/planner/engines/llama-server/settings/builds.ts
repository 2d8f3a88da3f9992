/** @module What changed between builds of llama.cpp that a memory plan can feel. Builds are numbered: b9437. */
import { PagodaError } from "../../../../core/errors.ts";

export interface LlamaBuild {
  readonly id: string;
  /** First build with these rules. */
  readonly since: number;
  /** Slots where `--parallel` is not stated; 4 of them share one cache. */
  readonly defaultSlots: 1 | 4;
  /** Room for the logits of one token a slot instead of those of the whole micro-batch (pull request 23861). */
  readonly limitsOutputs: boolean;
  /** Room for embeddings that may be given in the place of tokens (pull request 18550). */
  readonly reservesEmbeddings: boolean;
  /** Keys and values are rotated before they are quantized (pull request 21038). */
  readonly rotates: boolean;
  /** Rows of the cache are written by an index, which is an input of the pass (pull request 14285). */
  readonly indexesRows: boolean;
  /** Layers with a window have a cache of their own (pull request 13194). */
  readonly hasWindowCache: boolean;
  /** All layers on the card, and flash attention where it can, unless told otherwise (pull request 15434). */
  readonly offloadsByDefault: boolean;
  /** Sizes that are not stated are made to fit (pull request 16653). */
  readonly fits: boolean;
}

const oldest: LlamaBuild = {
  id: "before b5426",
  since: 0,
  defaultSlots: 1,
  limitsOutputs: false,
  reservesEmbeddings: false,
  rotates: false,
  indexesRows: false,
  hasWindowCache: false,
  offloadsByDefault: false,
  fits: false,
};

const indexed: LlamaBuild = {
  ...oldest,
  id: "b6325",
  since: 6325,
  hasWindowCache: true,
  offloadsByDefault: true,
  indexesRows: true,
};

/** Oldest first. */
const builds: readonly LlamaBuild[] = [
  oldest,
  { ...oldest, id: "b5426", since: 5426, hasWindowCache: true },
  indexed,
  { ...indexed, id: "b6906", since: 6906, defaultSlots: 4 },
  ...fitting(),
];

function fitting(): LlamaBuild[] {
  const first: LlamaBuild = {
    ...indexed,
    id: "b7406",
    since: 7406,
    defaultSlots: 4,
    fits: true,
  };
  const embeddings = { ...first, id: "b7740", since: 7740, reservesEmbeddings: true };
  const rotating = { ...embeddings, id: "b8600", since: 8600, rotates: true };
  return [first, embeddings, rotating, { ...rotating, id: "b9437", since: 9437, limitsOutputs: true }];
}

/** The build that was checked line by line: 0.5.0, of late 2026. */
export const newestLlamaServer = "0.5.0";

/**
 * The rules of a build: `b9437`, `9437`, or a version such as 0.5.0, which all builds older than that lack.
 * @throws PagodaError `plan_invalid` where the text names no build.
 */
export function llamaBuild(version: string): LlamaBuild {
  const isRelease = /^v?0\.\d+/.test(version);
  const number = isRelease ? Number.MAX_SAFE_INTEGER : Number(/^b?(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (Number.isNaN(number))
    throw new PagodaError("plan_invalid", `"${version}" is not a build of llama.cpp.`, {
      param: "engine",
      hint: `Write llama-server@b9437, or llama-server@${newestLlamaServer}.`,
    });
  return builds.findLast(({ since }) => number >= since) ?? oldest;
}
