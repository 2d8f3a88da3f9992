/**
 * @module Traffic of a trace: arrivals and lengths that somebody recorded. Read are answers of `GET /admin/traffic`, and JSON lines and CSV with the
 * columns of Mooncake (timestamp in ms, input_length, output_length, hash_ids), BurstGPT (Timestamp in s, Request tokens,
 * Response tokens) and Azure's LLM inference traces (TIMESTAMP as a date, ContextTokens, GeneratedTokens).
 */
import { z } from "zod";
import { type trafficColumns, trafficSchema } from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import { fillTokens, type TokenRange } from "./token-source.ts";
import { describeLengths, type Traffic, type TrafficRequest } from "./traffic.ts";

/** Tokens that one of Mooncake's `hash_ids` stands for. */
const mooncakeBlockTokens = 512;
/** A trace of more requests is cut, and says so. */
const mostRequests = 100_000;

interface TraceRow {
  readonly arrivesMs: number | null;
  readonly numPromptTokens: number;
  readonly numOutputTokens: number;
  /** Equal ids at equal places: equal tokens. */
  readonly hashIds: readonly string[];
  /** The prefix cache had them: they are taken from one text that all requests share. */
  readonly numSharedTokens: number;
}

export interface TraceOptions {
  /** Arrivals come this many times as fast; 1: as recorded. */
  readonly speed: number;
  /** Longest prompt and output together; longer requests are left out, as the server would refuse them. */
  readonly maxModelLen: number;
  readonly numUsers: number | null;
  readonly numRequests: number | null;
  /** Prompts of two seeds share no prefix. */
  readonly seed: number;
}

/** Throws `invalid_option` naming the line that cannot be read. */
export function traceTraffic(text: string, options: TraceOptions, range: TokenRange): Traffic {
  const rows = readRows(text).slice(0, options.numRequests ?? mostRequests);
  const fitting = rows.filter((row) => row.numPromptTokens + row.numOutputTokens <= options.maxModelLen);
  if (fitting.length === 0)
    throw refuse(`None of the trace's ${rows.length} requests fits into ${options.maxModelLen} tokens.`);
  const firstMs = fitting.reduce(
    (first, row) => Math.min(first, row.arrivesMs ?? 0),
    Number.POSITIVE_INFINITY,
  );
  const requests: TrafficRequest[] = fitting
    .map((row, index) => ({
      promptTokenIds: promptOf(row, { seed: options.seed, index }, range),
      numOutputTokens: row.numOutputTokens,
      arrivesMs: ((row.arrivesMs ?? 0) - firstMs) / options.speed,
    }))
    .sort((a, b) => a.arrivesMs - b.arrivesMs);
  const isTimed = requests.some(({ arrivesMs }) => arrivesMs > 0);
  const numLeftOut = rows.length - fitting.length;
  const leftOut = numLeftOut === 0 ? "" : `; ${numLeftOut} longer ones left out`;
  const numUsers = options.numUsers ?? (isTimed ? null : 1);
  const users = numUsers === null ? "" : `, at most ${numUsers} at a time`;
  return {
    requests,
    numUsers,
    isTimed,
    description: `a trace of ${describeLengths(requests)}${users}${leftOut}`,
  };
}

function promptOf(
  row: TraceRow,
  { seed, index }: { readonly seed: number; readonly index: number },
  range: TokenRange,
): Int32Array {
  const prompt = new Int32Array(row.numPromptTokens);
  let filled = Math.min(row.numSharedTokens, prompt.length);
  fillTokens(prompt, 0, filled, seedOf(`${seed} shared`), range);
  for (const hashId of row.hashIds) {
    const numTokens = Math.min(mooncakeBlockTokens, prompt.length - filled);
    fillTokens(prompt, filled, numTokens, seedOf(`${seed} ${hashId}`), range);
    filled += numTokens;
  }
  fillTokens(prompt, filled, prompt.length - filled, seed * 3_000_017 + index, range);
  return prompt;
}

/** FNV-1a, 32 bits. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function readRows(text: string): TraceRow[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const firstLine = lines.find((line) => line.trim() !== "") ?? "";
  const rows =
    recordedRows(text) ?? (firstLine.trimStart().startsWith("{") ? readJsonLines(lines) : readCsv(lines));
  if (rows.length === 0) throw refuse("The trace has no requests.");
  return rows;
}

/** Those of an answer of `GET /admin/traffic`; null: it is none. */
function recordedRows(text: string): TraceRow[] | null {
  if (!/^\s*\{\s*"schema"\s*:\s*"pagoda\.traffic\//.test(text)) return null;
  const parsed = trafficSchema.safeParse(JSON.parse(text));
  if (!parsed.success)
    throw refuse(`The recorded traffic cannot be read: ${parsed.error.issues[0]?.message}.`);
  const { columns, requests } = parsed.data;
  return requests.map((row) => {
    const of = (name: (typeof trafficColumns)[number]): number => row[columns.indexOf(name)] ?? 0;
    return {
      arrivesMs: of("unixMs"),
      numPromptTokens: Math.max(1, of("promptTokens")),
      numOutputTokens: Math.max(1, of("outputTokens")),
      hashIds: [],
      numSharedTokens: of("cachedTokens"),
    };
  });
}

function readJsonLines(lines: readonly string[]): TraceRow[] {
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    try {
      return [rowOf(z.record(z.string(), z.unknown()).parse(JSON.parse(line)))];
    } catch (thrown) {
      throw lineError(i + 1, thrown);
    }
  });
}

function readCsv(lines: readonly string[]): TraceRow[] {
  const header = (lines[0] ?? "").split(",").map((name) => name.trim().replaceAll('"', ""));
  return lines.slice(1).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const cells = line.split(",").map((cell) => cell.trim().replaceAll('"', ""));
    try {
      return [rowOf(Object.fromEntries(header.map((name, column) => [name, cells[column]])))];
    } catch (thrown) {
      throw lineError(i + 2, thrown);
    }
  });
}

const promptNames = [
  "input_length",
  "input_tokens",
  "prompt_tokens",
  "num_prompt_tokens",
  "prompt_len",
  "Request tokens",
  "ContextTokens",
];
const outputNames = [
  "output_length",
  "output_tokens",
  "completion_tokens",
  "num_output_tokens",
  "output_len",
  "Response tokens",
  "GeneratedTokens",
];
/** Name → milliseconds of one of its units. */
const timeNames: readonly (readonly [string, number])[] = [
  ["timestamp", 1],
  ["created_time", 1],
  ["arrival_ms", 1],
  ["arrival_s", 1000],
  ["arrival_time", 1000],
  ["Timestamp", 1000],
  ["TIMESTAMP", 1000],
];

function rowOf(fields: Readonly<Record<string, unknown>>): TraceRow {
  return {
    arrivesMs: timeIn(fields),
    numPromptTokens: countIn(fields, promptNames, "a prompt"),
    // A recorded answer may be empty; a request generates at least one token.
    numOutputTokens: Math.max(1, countIn(fields, outputNames, "an output")),
    hashIds: Array.isArray(fields.hash_ids) ? fields.hash_ids.map(String) : [],
    numSharedTokens: 0,
  };
}

function countIn(fields: Readonly<Record<string, unknown>>, names: readonly string[], what: string): number {
  const name = names.find((candidate) => fields[candidate] !== undefined);
  const value = name === undefined ? Number.NaN : Number(fields[name]);
  if (name === undefined) throw refuse(`It states no length of ${what}: none of ${names.join(", ")}.`);
  if (!Number.isInteger(value) || value < 0)
    throw refuse(`${name} is ${JSON.stringify(fields[name])}, which is not a number of tokens.`);
  return what === "a prompt" ? Math.max(1, value) : value;
}

function timeIn(fields: Readonly<Record<string, unknown>>): number | null {
  for (const [name, unitMs] of timeNames) {
    const value = fields[name];
    if (value === undefined || value === "" || value === null) continue;
    const number = Number(value);
    const ms = Number.isFinite(number)
      ? number * unitMs
      : Date.parse(String(value).replace(/(\.\d{3})\d+/, "$1"));
    if (Number.isFinite(ms)) return ms;
    throw refuse(`${name} is ${JSON.stringify(value)}, which is not a time.`);
  }
  return null;
}

function lineError(line: number, thrown: unknown): PagodaError {
  const why = thrown instanceof PagodaError ? lowered(thrown.message) : "it is not a JSON object";
  return refuse(`The trace's line ${line} cannot be read: ${why}.`);
}

/** A sentence as a part of one. */
function lowered(sentence: string): string {
  return sentence.replace(/^It /, "it ").replace(/\.$/, "");
}

function refuse(message: string): PagodaError {
  return new PagodaError("invalid_option", message, {
    hint: 'Write one JSON object a line, such as {"timestamp": 1500, "input_length": 800, "output_length": 120}; timestamps are milliseconds.',
  });
}
