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
  const uniform = seededUniform(seed * 7919 + 17);
  const requests: TrafficRequest[] = [];
  let arrivesMs = 0;
  for (let i = 0; i < shape.numRequests; i++) {
    if (shape.ratePerSecond !== null) arrivesMs += (-Math.log(1 - uniform()) / shape.ratePerSecond) * 1000;
    const numOwn = shape.prompt(uniform());
    const numOutputTokens = shape.output(uniform());
    requests.push({
      promptTokenIds: promptOf(shape, { seed, index: i, numOwn }, range),
      numOutputTokens,
      arrivesMs,
    });
  }
  return {
    requests,
    numUsers: shape.numUsers,
    isTimed: shape.ratePerSecond !== null,
    description: describe(shape, requests),
  };
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
