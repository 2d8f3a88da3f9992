/** @module `GET /admin/history?from=&to=&step=`: figures of the last 15 minutes by the second and of the last day by the minute. */
import { z } from "zod";
import { PagodaError } from "../../../core/errors.ts";
import { shownText } from "../../shown-text.ts";

/** The figures of a row, in their order. A figure that was not known at the time is null. */
export const historyColumns = [
  "generatedTokensPerSecond",
  "promptTokensPerSecond",
  "numRunning",
  "numWaiting",
  "kvCacheUsage",
  "cachedShare",
  "prefixHitRate",
  "preemptionsPerSecond",
  "stepMs",
  "timeToFirstTokenP90Ms",
  "interTokenP90Ms",
  "residentBytes",
] as const;

export const historySchema = z.object({
  schema: z.literal("pagoda.history/1"),
  columns: z.array(z.string()),
  /** Seconds between two rows. */
  step: z.number(),
  /** By instance: rows of Unix milliseconds and then the columns, oldest first; steps without a sample are left out. */
  instances: z.record(z.string(), z.array(z.array(z.number().nullable()))),
});
export type HistoryAnswer = z.infer<typeof historySchema>;

export interface HistoryQuestion {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepSeconds: number;
}

/** Rows of an answer; a larger step gives a longer time. */
const mostRows = 5000;
const defaultMs = 15 * 60_000;

/**
 * Times are Unix milliseconds, or negative for so many milliseconds before now. Default: the last 15 minutes by the second.
 * Throws `invalid_request`.
 */
export function parseHistoryQuestion(query: unknown, nowMs: number): HistoryQuestion {
  const { from, to, step } = query as Readonly<Record<string, unknown>>;
  const toMs = momentOf("to", to, nowMs, nowMs);
  const fromMs = momentOf("from", from, toMs - defaultMs, nowMs);
  const stepSeconds = numberOf("step", step) ?? 1;
  if (!(stepSeconds >= 1))
    throw new PagodaError("invalid_request", `'step' is ${stepSeconds}, and the shortest step is 1 second.`, {
      param: "step",
      hint: "Use 1 or more.",
    });
  if (fromMs > toMs)
    throw new PagodaError("invalid_request", `'from' ${fromMs} is later than 'to' ${toMs}.`, {
      param: "from",
      hint: "Exchange them.",
    });
  const numRows = Math.ceil((toMs - fromMs) / (1000 * stepSeconds));
  if (numRows > mostRows)
    throw new PagodaError(
      "invalid_request",
      `The answer would have ${numRows} rows; ${mostRows} is the most.`,
      {
        param: "step",
        hint: `Use a step of ${Math.ceil((toMs - fromMs) / (1000 * mostRows))} seconds or more.`,
      },
    );
  return { fromMs, toMs, stepSeconds };
}

function momentOf(name: string, value: unknown, otherwise: number, nowMs: number): number {
  const number = numberOf(name, value);
  if (number === null) return otherwise;
  return number < 0 ? nowMs + number : number;
}

function numberOf(name: string, value: unknown): number | null {
  if (value === undefined || value === "") return null;
  const number = Number(value);
  if (Number.isFinite(number)) return number;
  throw new PagodaError(
    "invalid_request",
    `'${name}' must be a number, but it is '${shownText(String(value))}'.`,
    {
      param: name,
      hint: "Write it in digits.",
    },
  );
}
