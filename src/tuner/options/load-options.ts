/** @module The options that describe a load, and the traffic that they stand for. */
import { readFileSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import { option, wholeNumber } from "../../core/options/option.ts";
import type { Values } from "../../core/options/read-options.ts";
import { type LengthDistribution, parseLengths } from "../traffic/lengths.ts";
import { longestOfShape, shapedTraffic, type TrafficShape } from "../traffic/shaped-traffic.ts";
import type { TokenRange } from "../traffic/token-source.ts";
import { traceTraffic } from "../traffic/trace.ts";
import { longestSequence, type Traffic } from "../traffic/traffic.ts";

const group = "Load:";

export function positiveNumber(text: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new PagodaError("invalid_option", `'${text}' is not a number above 0.`, {
    hint: "Give a number such as 4 or 0.5.",
  });
}

function sharedPrefix(text: string): NonNullable<TrafficShape["sharedPrefix"]> {
  const match = /^(\d+)(?:\s*[x×]\s*(\d+))?$/.exec(text.trim());
  const [numTokens, numGroups] = [Number(match?.[1]), Number(match?.[2] ?? 1)];
  if (numTokens >= 1 && numGroups >= 1) return { numTokens, numGroups };
  throw new PagodaError("invalid_option", `'${text}' is not a shared beginning.`, {
    hint: "Write its tokens and how many different ones there are, such as 512x4.",
  });
}

export const loadOptions = {
  users: option(["--users"], {
    argument: "n",
    parse: wholeNumber(1, 10_000),
    help: "users who each send their next request when the last one has ended (default 32, or none with --rate or a trace with times)",
    group,
  }),
  rate: option(["--rate"], {
    argument: "n",
    parse: positiveNumber,
    help: "requests a second at random times (Poisson)",
    group,
  }),
  promptTokens: option<LengthDistribution>(["--prompt-tokens"], {
    argument: "lengths",
    parse: parseLengths,
    help: "128, 2k, 64-512 or p50=200,p95=800 (default 128)",
    group,
  }),
  outputTokens: option<LengthDistribution>(["--output-tokens"], {
    argument: "lengths",
    parse: parseLengths,
    help: "likewise (default 64)",
    group,
  }),
  sharedPrefix: option(["--shared-prefix"], {
    argument: "tokens",
    parse: sharedPrefix,
    help: "tokens with which prompts begin besides, and how many different beginnings: 512x4",
    group,
  }),
  requests: option(["--requests"], {
    argument: "n",
    parse: wholeNumber(1, 100_000),
    help: "requests of one trial (default: as many as fill --trial-seconds)",
    group,
  }),
  trace: option(["--trace"], {
    argument: "source",
    parse: (text: string) => text,
    help: "recorded arrivals and lengths: the address of a running server, for its last 4096 requests, or JSON lines or CSV, as of Mooncake, BurstGPT or Azure",
    group,
  }),
  speed: option(["--speed"], {
    argument: "factor",
    parse: positiveNumber,
    help: "plays the trace so many times as fast (default 1)",
    group,
  }),
  loadSeed: option(["--load-seed"], {
    argument: "n",
    parse: wholeNumber(1, 1_000_000),
    help: "seed of lengths, arrivals and tokens (default 1)",
    group,
  }),
} as const;

export type LoadValues = Values<typeof loadOptions>;

/** Traffic of any length and seed. */
export interface TrafficSource {
  /** Requests of a trial as stated; null: not stated. */
  readonly numRequests: number | null;
  readonly firstSeed: number;
  /** Requests come at times of their own, whether the server keeps up or not. */
  readonly isTimed: boolean;
  /** @param numRequests at most so many; a trace may have fewer */
  traffic(seed: number, numRequests: number): Traffic;
  /** Longest prompt and output together of any load that is simulated or measured. */
  readonly longest: number;
}

const defaultUsers = 32;
/** Requests of a load whose number is not stated are at most so many: see `requestsFor`. */
export const mostLookedAt = 2048;
/** Loads with these seeds, counted from the first one, are simulated; those from `firstMeasuredSeed` on are measured. */
export const simulatedSeeds = [0, 1, 2] as const;
export const firstMeasuredSeed = 101;
const mostMeasuredSeeds = 20;

function seedsUsed(firstSeed: number): number[] {
  const measured = Array.from({ length: mostMeasuredSeeds }, (_, i) => firstMeasuredSeed + i);
  return [...simulatedSeeds, ...measured].map((seed) => firstSeed + seed);
}

/**
 * Throws `invalid_option` for a trace that cannot be read, and for options that exclude each other.
 *
 * @param recorded the trace itself, where its source is no file
 */
export function trafficSource(
  values: LoadValues,
  limits: { readonly maxModelLen: number },
  range: TokenRange,
  recorded: string | null = null,
): TrafficSource {
  const common = { numRequests: values.requests?.value ?? null, firstSeed: values.loadSeed?.value ?? 1 };
  if (values.trace !== null) {
    refuseShapeBesideTrace(values);
    const text = recorded ?? readTrace(values.trace.value);
    const traffic = (seed: number, numRequests: number): Traffic =>
      traceTraffic(
        text,
        {
          speed: values.speed?.value ?? 1,
          maxModelLen: limits.maxModelLen,
          numUsers: values.users?.value ?? null,
          numRequests,
          seed,
        },
        range,
      );
    const whole = traffic(common.firstSeed, common.numRequests ?? mostLookedAt);
    return { ...common, isTimed: whole.isTimed, traffic, longest: longestSequence(whole) };
  }
  const shape = {
    numUsers: values.users?.value ?? (values.rate === null ? defaultUsers : null),
    ratePerSecond: values.rate?.value ?? null,
    prompt: values.promptTokens?.value ?? parseLengths("128"),
    output: values.outputTokens?.value ?? parseLengths("64"),
    sharedPrefix: values.sharedPrefix?.value ?? null,
  };
  return {
    ...common,
    isTimed: values.rate !== null,
    traffic: (seed, numRequests) => shapedTraffic({ ...shape, numRequests }, seed, range),
    longest: longestOfShape(
      { ...shape, numRequests: common.numRequests ?? mostLookedAt },
      seedsUsed(common.firstSeed),
    ),
  };
}

function refuseShapeBesideTrace(values: LoadValues): void {
  const stated = values.rate ?? values.promptTokens ?? values.outputTokens ?? values.sharedPrefix;
  if (stated !== null)
    throw new PagodaError("invalid_option", `${stated.why} describes a load, and --trace has one already.`, {
      hint: "Give one of them.",
    });
}

function readTrace(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new PagodaError("invalid_option", `The trace ${path} cannot be read: ${String(cause)}.`, {
      hint: "Give the path of a file of JSON lines or CSV.",
      cause,
    });
  }
}
