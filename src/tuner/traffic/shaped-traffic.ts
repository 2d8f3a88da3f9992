/** @module Traffic that is described by its shape: users or a rate, lengths, shared prefixes. */
import { seededUniform } from "../../core/seeded-uniform.ts";
import type { LengthDistribution } from "./lengths.ts";
import { fillTokens, type TokenRange } from "./token-source.ts";
import { describeLengths, type Traffic, type TrafficRequest } from "./traffic.ts";

export interface TrafficShape {
  /** Users who each send their next request when the last one has ended; null with `ratePerSecond`. */
  readonly numUsers: number | null;
  /** Mean arrivals a second (Poisson); null: as soon as a user is free. */
  readonly ratePerSecond: number | null;
  readonly numRequests: number;
  readonly prompt: LengthDistribution;
  readonly output: LengthDistribution;
  /** Tokens with which each prompt begins before its own ones, and how many different beginnings there are. */
  readonly sharedPrefix: { readonly numTokens: number; readonly numGroups: number } | null;
}

/** Equal seeds give equal traffic. Prompts of two seeds share no prefix. */
export function shapedTraffic(shape: TrafficShape, seed: number, range: TokenRange): Traffic {
  const requests: TrafficRequest[] = drawnRequests(shape, seed).map(
    ({ numOwn, numOutputTokens, arrivesMs }, index) => ({
      promptTokenIds: promptOf(shape, { seed, index, numOwn }, range),
      numOutputTokens,
      arrivesMs,
    }),
  );
  return {
    requests,
    numUsers: shape.numUsers,
    isTimed: shape.ratePerSecond !== null,
    description: describe(shape, requests),
  };
}

/** Longest prompt and output together of the traffic of these seeds. No token is drawn for it. */
export function longestOfShape(shape: TrafficShape, seeds: readonly number[]): number {
  const numShared = shape.sharedPrefix?.numTokens ?? 0;
  const lengths = seeds.flatMap((seed) => drawnRequests(shape, seed));
  return lengths.reduce(
    (longest, { numOwn, numOutputTokens }) => Math.max(longest, numShared + numOwn + numOutputTokens),
    0,
  );
}

interface DrawnRequest {
  /** Tokens of its prompt behind the shared beginning. */
  readonly numOwn: number;
  readonly numOutputTokens: number;
  readonly arrivesMs: number;
}

function drawnRequests(shape: TrafficShape, seed: number): DrawnRequest[] {
  const uniform = seededUniform(seed * 7919 + 17);
  let arrivesMs = 0;
  return Array.from({ length: shape.numRequests }, () => {
    if (shape.ratePerSecond !== null) arrivesMs += (-Math.log(1 - uniform()) / shape.ratePerSecond) * 1000;
    return { numOwn: shape.prompt(uniform()), numOutputTokens: shape.output(uniform()), arrivesMs };
  });
}

function promptOf(
  { sharedPrefix }: TrafficShape,
  { seed, index, numOwn }: { readonly seed: number; readonly index: number; readonly numOwn: number },
  range: TokenRange,
): Int32Array {
  const numShared = sharedPrefix?.numTokens ?? 0;
  const prompt = new Int32Array(numShared + numOwn);
  if (sharedPrefix !== null)
    fillTokens(prompt, 0, numShared, seed * 1_000_003 + (index % sharedPrefix.numGroups), range);
  fillTokens(prompt, numShared, numOwn, seed * 2_000_003 + 500_009 + index, range);
  return prompt;
}

function describe(shape: TrafficShape, requests: readonly TrafficRequest[]): string {
  const who =
    shape.ratePerSecond === null
      ? `${shape.numUsers} users at a time`
      : `${shape.ratePerSecond} requests a second${shape.numUsers === null ? "" : `, at most ${shape.numUsers} at a time`}`;
  const prefix =
    shape.sharedPrefix === null
      ? ""
      : `; ${shape.sharedPrefix.numGroups} shared beginnings of ${shape.sharedPrefix.numTokens} tokens`;
  return `${who}: ${describeLengths(requests)}${prefix}`;
}
