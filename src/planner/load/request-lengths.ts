/** @module Lengths of requests: those of a trace, or drawn from percentiles that a user states. */
import { PagodaError } from "../../core/errors.ts";

/** One request of a load, or a share of it. */
export interface RequestLength {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** How often it comes, in any unit. */
  readonly weight: number;
}

function refuse(message: string, param: string, hint: string): PagodaError {
  return new PagodaError("plan_invalid", message, { param, hint });
}

const promptNames = [
  "prompt_tokens",
  "input_tokens",
  "num_prompt_tokens",
  "prompt_len",
  "input_length",
  "prompt",
  "input",
];
const outputNames = [
  "completion_tokens",
  "output_tokens",
  "num_output_tokens",
  "output_len",
  "output_length",
  "max_tokens",
  "completion",
  "output",
];

function numberIn(record: Readonly<Record<string, unknown>>, names: readonly string[]): number | null {
  const usage = record.usage;
  const inner = typeof usage === "object" && usage !== null ? Object.entries(usage) : [];
  const fields = new Map([...Object.entries(record), ...inner]);
  for (const name of names) {
    const value = fields.get(name);
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return Math.round(value);
  }
  return null;
}

function lengthOf(row: unknown, line: number): RequestLength {
  const pair = Array.isArray(row) ? { prompt_tokens: row[0], output_tokens: row[1] } : row;
  const record = typeof pair === "object" && pair !== null ? Object.fromEntries(Object.entries(pair)) : {};
  const [promptTokens, outputTokens] = [numberIn(record, promptNames), numberIn(record, outputNames)];
  if (promptTokens === null || outputTokens === null)
    throw refuse(
      `Line ${line} of the lengths states no tokens of prompt and output.`,
      "lengths",
      'Write a request a line, such as {"prompt_tokens": 1200, "output_tokens": 300}.',
    );
  return { promptTokens: Math.max(1, promptTokens), outputTokens: Math.max(1, outputTokens), weight: 1 };
}

/**
 * Reads a trace: one JSON record or pair a line.
 * @throws PagodaError `plan_invalid` naming the line that is no length.
 */
export function parseLengths(text: string): readonly RequestLength[] {
  const lines = text.split(/\r?\n/);
  const lengths = lines.flatMap((line, at) => {
    if (line.trim() === "") return [];
    try {
      return [lengthOf(JSON.parse(line), at + 1)];
    } catch (error) {
      if (error instanceof SyntaxError) return [lengthOf(null, at + 1)];
      throw error;
    }
  });
  if (lengths.length > 0) return lengths;
  throw refuse("The lengths hold no request.", "lengths", "Write a request a line.");
}

/** Percentiles as stated: `p50=2k,p95=8k`, or one length for all. */
interface StatedPercentiles {
  readonly points: readonly { readonly share: number; readonly tokens: number }[];
}

const suffixes: Readonly<Record<string, number>> = { k: 1024, m: 1024 * 1024 };

function tokensOf(text: string, param: string): number {
  const match = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(text.trim());
  const tokens = Number(match?.[1] ?? Number.NaN) * (suffixes[match?.[2]?.toLowerCase() ?? ""] ?? 1);
  if (Number.isFinite(tokens) && tokens >= 1) return Math.round(tokens);
  throw refuse(`"${text}" is not a number of tokens.`, param, "Write digits, or 8k for 8192.");
}

/** True where a length is stated by percentiles. */
export function isPercentiles(text: string): boolean {
  return /^\s*p\d/i.test(text);
}

/**
 * Reads `p50=2k,p95=8k`, or one number.
 * @throws PagodaError `plan_invalid` for a share outside 0 to 100, or percentiles that fall.
 */
function parsePercentiles(text: string, param: string): StatedPercentiles {
  if (!isPercentiles(text)) return { points: [{ share: 0.5, tokens: tokensOf(text, param) }] };
  const points = text.split(",").map((part) => {
    const match = /^\s*p(\d+(?:\.\d+)?)\s*=\s*(\S+)\s*$/i.exec(part);
    const share = Number(match?.[1] ?? Number.NaN) / 100;
    if (match === null || !(share > 0 && share < 1))
      throw refuse(`"${part.trim()}" is not a percentile.`, param, "Write them as p50=2k,p95=8k.");
    return { share, tokens: tokensOf(match[2] ?? "", param) };
  });
  points.sort((a, b) => a.share - b.share);
  if (points.some(({ tokens }, at) => tokens < (points[at - 1]?.tokens ?? 0)))
    throw refuse("A higher percentile has fewer tokens than a lower one.", param, "Write them rising.");
  return { points };
}

/** The standard normal quantile (Acklam's rational approximation; error below 1.2e-9 of the value). */
function normalQuantile(share: number): number {
  const a = [
    -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
    2.506628277459239,
  ];
  const b = [
    -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572,
  ];
  const c = [
    -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
    2.938163982698783,
  ];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  const poly = (terms: readonly number[], x: number): number =>
    terms.reduce((sum, term) => sum * x + term, 0);
  const edge = 0.02425;
  if (share < edge || share > 1 - edge) {
    const q = Math.sqrt(-2 * Math.log(Math.min(share, 1 - share)));
    const value = poly(c, q) / (poly(d, q) * q + 1);
    return share < edge ? value : -value;
  }
  const q = share - 0.5;
  const r = q * q;
  return (poly(a, r) * q) / (poly(b, r) * r + 1);
}

/** Equal shares into which a distribution is cut. */
const numSlices = 64;

/**
 * Lengths in equal shares: log-normal through two or more percentiles (least squares of the logarithm), exponential where
 * only one is stated by percentile, constant where one number is given for all.
 */
function slicesOf({ points }: StatedPercentiles, isSpread: boolean): readonly number[] {
  const [only, ...others] = points;
  const shares = Array.from({ length: numSlices }, (_, at) => (at + 0.5) / numSlices);
  if (only === undefined) return [];
  if (others.length === 0 && !isSpread) return [only.tokens];
  if (others.length === 0) {
    const rate = -Math.log(1 - only.share) / only.tokens;
    return shares.map((share) => Math.max(1, Math.round(-Math.log(1 - share) / rate)));
  }
  const z = points.map(({ share }) => normalQuantile(share));
  const y = points.map(({ tokens }) => Math.log(tokens));
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const [meanZ, meanY] = [mean(z), mean(y)];
  const slope =
    z.reduce((sum, x, at) => sum + (x - meanZ) * ((y[at] ?? 0) - meanY), 0) /
    z.reduce((sum, x) => sum + (x - meanZ) ** 2, 0);
  return shares.map((share) =>
    Math.max(1, Math.round(Math.exp(meanY + slope * (normalQuantile(share) - meanZ)))),
  );
}

/** Requests whose prompts and outputs are independent. A stated percentile that is alone spreads; a plain number does not. */
export function lengthsFrom(context: string, output: string): readonly RequestLength[] {
  const prompts = slicesOf(parsePercentiles(context, "context"), isPercentiles(context));
  const outputs = slicesOf(parsePercentiles(output, "output"), isPercentiles(output));
  return prompts.flatMap((promptTokens) =>
    outputs.map((outputTokens) => ({ promptTokens, outputTokens, weight: 1 })),
  );
}
