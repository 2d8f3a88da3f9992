/** @module How many users a start serves whose requests differ in length: `--lengths`, or `--context` and `--output` by percentiles. */
import { readFileSync } from "node:fs";
import { PagodaError } from "../../../core/errors.ts";
import {
  isPercentiles,
  type LoadCapacity,
  lengthsFrom,
  loadCapacity,
  type Plan,
  type PlanRequest,
  parseLengths,
  plan,
  type RequestLength,
  rulesOf,
} from "../../../planner/index.ts";
import { wholeOption } from "./flags.ts";

export interface LoadOptions {
  readonly users?: string;
  readonly context?: string;
  readonly output?: string;
  readonly lengths?: string;
}

/** True where the options state lengths that differ. */
export function asksForLoad({ context, output, lengths }: LoadOptions): boolean {
  return lengths !== undefined || output !== undefined || (context !== undefined && isPercentiles(context));
}

function traceIn(path: string): readonly RequestLength[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new PagodaError("plan_invalid", `${path} cannot be read.`, {
      param: "lengths",
      hint: "Name a file with one request a line.",
      cause,
    });
  }
  return parseLengths(text);
}

function statedLengths({ context, output, lengths }: LoadOptions): readonly RequestLength[] {
  if (lengths !== undefined) return traceIn(lengths);
  if (context !== undefined && output !== undefined) return lengthsFrom(context, output);
  const missing = context === undefined ? "context" : "output";
  throw new PagodaError("plan_invalid", `--${missing} is missing: a load has prompts and answers.`, {
    param: missing,
    hint: "Write both, as in --context p50=2k,p95=8k --output p50=300, or give --lengths FILE.",
  });
}

export interface LoadAnswer {
  readonly plan: Plan;
  /** Null where the start has no pool. */
  readonly capacity: LoadCapacity | null;
  readonly longestTokens: number;
}

/** The plan of a start, and what its pool serves of the load. */
export function loadAnswer(request: PlanRequest, options: LoadOptions): LoadAnswer {
  const lengths = statedLengths(options);
  const users = wholeOption("users", options.users ?? "1");
  const planned = plan(request);
  const { sequences, tokens } = rulesOf(request.engine).roles;
  const settingOf = (name: string, fallback: number): number =>
    Number(planned.settings[name]?.value ?? fallback) || fallback;
  const limits = { seats: settingOf(sequences, 256), stepTokens: settingOf(tokens, 2048) };
  const hasPool = planned.kv !== null && planned.kv.numTokens.expected > 0;
  return {
    plan: planned,
    capacity: hasPool && planned.kv !== null ? loadCapacity(planned.kv, limits, lengths, users) : null,
    longestTokens: lengths.reduce(
      (most, { promptTokens, outputTokens }) => Math.max(most, promptTokens + outputTokens),
      0,
    ),
  };
}

/** Above this share the pool is full most of the time, and requests wait for it rather than meet its end. */
const mostlyFull = 0.5;

const percent = (share: number): string =>
  share > 0 && share < 0.0001 ? "below 0.01 %" : `${(share * 100).toFixed(2)} %`;

/** The answer for people, without the plan's table. */
export function loadText({ plan: planned, capacity, longestTokens }: LoadAnswer): string {
  if (capacity === null) return `No pool: ${planned.verdict.reason}.`;
  const maxModelLen = planned.kv?.maxModelLen ?? 0;
  const { users, overflow, preemptionsPerRequest, usersAt99, usersAtWorst } = capacity;
  return [
    `capacity: ${usersAt99} users at 99 % of the moments, ${usersAtWorst} at the worst (every request at the end of the longest, ${longestTokens} tokens)`,
    ...(capacity.isBoundBySeats ? ["  the engine's seats bind before the pool does"] : []),
    `${users} users: the pool overflows at ${percent(overflow)} of the moments; ${
      overflow > mostlyFull
        ? "the engine keeps some of them waiting"
        : `${preemptionsPerRequest.toFixed(3)} preemptions a request`
    }`,
    `  ${capacity.meanBlocks.toFixed(1)} blocks a user on average, of ${capacity.poolBlocks}`,
    ...(longestTokens > maxModelLen && maxModelLen > 0
      ? [`  requests above ${maxModelLen} tokens are refused by the engine; the longest has ${longestTokens}`]
      : []),
  ].join("\n");
}
