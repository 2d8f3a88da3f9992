/** @module Requests that nobody meant, by seeds: the same seed gives the same bytes everywhere. */
import { seededUniform } from "../../core/seeded-uniform.ts";

export interface OddRequest {
  readonly kind: string;
  readonly bytes: Buffer;
  /** Whether it is whole, so that the server answers and closes without the client's end. */
  readonly isWhole: boolean;
  /** Milliseconds after which the client leaves, whatever has come; null: it stays. */
  readonly leavesAfterMs: number | null;
}

export interface OddTarget {
  readonly paths: readonly { readonly path: string; readonly methods: readonly string[] }[];
  readonly modelName: string;
}

type Below = (limit: number) => number;

const fieldNames =
  "model prompt messages input system max_tokens max_completion_tokens n_predict temperature top_p top_k min_p n best_of stop stop_token_ids logit_bias stream stream_options tools tool_choice parallel_tool_calls chat_template_kwargs chat_template logprobs top_logprobs prompt_logprobs seed echo suffix grammar json_schema response_format structured_outputs guided_regex tokens add_special_tokens options priority cache_salt user metadata truncate encoding_format dimensions documents query text_1 text_2 think thinking reasoning format keep_alive raw images repetition_penalty frequency_penalty presence_penalty min_tokens ignore_eos request_id __proto__ constructor toString".split(
    " ",
  );

const oddValues: readonly string[] = [
  ...["null", "true", "false", "0", "-0", "-1", "1", "2", "0.5", "1e308", "-1e308", "1e400", "1e-320"],
  ...["9007199254740993", "18446744073709551616", "-9223372036854775809", "4294967296", "NaN", "Infinity"],
  ...['""', '"a"', '"\\u0000"', '"\\ud800"', '"\u{1f600}"', '"auto"', '"none"', '"json_object"', '"(a+)+$"'],
  ...["[]", "{}", "[[]]", "[null]", '[""]', '["a", 1]', '{"a": 1}', '{"type": "json_object"}', "[1, 2, 3]"],
  ...['{"type": "function"}', '[{"role": "user"}]', '[{"role": "user", "content": [{"type": "text"}]}]'],
  ...['{"include_usage": true}', '{"50256": 100}', '{"-1": 1}', '{"x": 1}', '{"1": "a"}'],
  ...['[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]'],
];

const contentTypes = [
  "application/json",
  "application/json; charset=utf-8",
  "application/json; charset=latin1",
  "text/plain",
  "multipart/form-data; boundary=x",
  "application/x-www-form-urlencoded",
  "application/octet-stream",
  "",
  "a",
  "/",
  "application/json,application/json",
  "x".repeat(2000),
] as const;

export function oddRequest(seed: number, target: OddTarget): OddRequest {
  const random = seededUniform(seed);
  const below: Below = (limit) => Math.floor(random() * limit);
  const { kind, bytes, isWhole } = shaped(below, target);
  return { kind, bytes, isWhole, leavesAfterMs: below(20) === 0 ? below(30) : null };
}

function shaped(below: Below, target: OddTarget): Omit<OddRequest, "leavesAfterMs"> {
  switch (below(12)) {
    case 0:
      return {
        kind: "noise for JSON",
        bytes: framed(below, target, noisyJson(below, target)),
        isWhole: true,
      };
    case 1:
      return { kind: "deep nesting", bytes: framed(below, target, deepJson(below)), isWhole: true };
    case 2: {
      const body = jsonBody(below, target);
      return { kind: "other content types", bytes: oddlyTyped(below, target, body), isWhole: true };
    }
    case 3:
      return { kind: "pipelined", bytes: pipelined(below, target), isWhole: true };
    case 4: {
      const whole = framed(below, target, jsonBody(below, target));
      return { kind: "cut short", bytes: whole.subarray(0, below(whole.length)), isWhole: false };
    }
    case 5:
      return { kind: "damaged HTTP", bytes: damagedHttp(below, target), isWhole: false };
    case 6:
      return { kind: "large lists", bytes: framed(below, target, largeList(below)), isWhole: true };
    case 7:
      return { kind: "without a body", bytes: withoutBody(below, target), isWhole: true };
    case 8:
      return { kind: "chunked", bytes: chunked(below, target), isWhole: false };
    default:
      return { kind: "odd fields", bytes: framed(below, target, jsonBody(below, target)), isWhole: true };
  }
}

const oneOf = <T>(below: Below, list: readonly T[]): T => list[below(list.length)] as T;

function postPath(below: Below, { paths }: OddTarget): string {
  const posts = paths.filter(({ methods }) => methods.includes("POST"));
  return concrete(below, oneOf(below, posts).path);
}

/** Open parts of a path get odd names too. */
function concrete(below: Below, path: string): string {
  const part = (): string =>
    oneOf(below, ["x", "a%20b", "..%2f..%2fetc%2fpasswd", "%00", "a".repeat(300), "%e2%82"]);
  return path.replace(/\*|:\w+/g, part);
}

/** A body that the path may accept, with some of its fields replaced. */
function jsonBody(below: Below, { modelName }: OddTarget): string {
  const fields = new Map<string, string>([
    ["model", JSON.stringify(modelName)],
    ["prompt", oneOf(below, ['"a b"', "[1, 2, 3]", '["a", "b"]'])],
    ["messages", '[{"role": "user", "content": "hi"}]'],
    ["input", '"a"'],
    ["tokens", "[1, 2]"],
    ["max_tokens", String(1 + below(4))],
    ["stream", below(3) === 0 ? "true" : "false"],
  ]);
  for (let numOdd = below(4); numOdd > 0; numOdd--)
    fields.set(oneOf(below, fieldNames), oneOf(below, oddValues));
  if (below(6) === 0) fields.delete(oneOf(below, [...fields.keys()]));
  return `{${[...fields].map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}`;
}

function noisyJson(below: Below, target: OddTarget): Buffer {
  const bytes = Buffer.from(jsonBody(below, target));
  for (let i = 1 + below(4); i > 0; i--) bytes[below(bytes.length)] = below(256);
  return below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
}

function deepJson(below: Below): string {
  const depth = 10 ** (1 + below(5));
  const field = oneOf(below, fieldNames);
  const [open, shut] = oneOf(below, [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  const inner = below(2) === 0 ? `${open.repeat(depth)}1${shut.repeat(depth)}` : open.repeat(depth);
  return `{"prompt": "a", "max_tokens": 1, ${JSON.stringify(field)}: ${inner}}`;
}

function largeList(below: Below): string {
  const length = 10 ** (1 + below(4));
  const item = oneOf(below, [
    "1",
    "-1",
    '"a"',
    "{}",
    "[1]",
    "null",
    '{"role": "user", "content": "a"}',
    "1.5",
  ]);
  const field = oneOf(below, ["prompt", "messages", "stop", "stop_token_ids", "tools", "tokens", "input"]);
  return `{"max_tokens": 1, "${field}": [${Array(length).fill(item).join(",")}]}`;
}

function headed(first: string, headers: readonly string[], body: Buffer | string): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  return Buffer.concat([
    Buffer.from(`${[first, "host: 127.0.0.1", ...headers].join("\r\n")}\r\n\r\n`),
    bytes,
  ]);
}

function framed(below: Below, target: OddTarget, body: Buffer | string, connection = "close"): Buffer {
  const length = `content-length: ${Buffer.byteLength(body)}`;
  const first = `POST ${postPath(below, target)} HTTP/1.1`;
  return headed(first, ["content-type: application/json", length, `connection: ${connection}`], body);
}

function oddlyTyped(below: Below, target: OddTarget, body: string): Buffer {
  const headers = [
    `content-type: ${oneOf(below, contentTypes)}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  if (below(3) === 0) headers.push(`content-encoding: ${oneOf(below, ["gzip", "br", "identity", "x", ""])}`);
  if (below(4) === 0) headers.push(`authorization: ${oneOf(below, ["Bearer x", "Basic", "\u0001"])}`);
  if (below(4) === 0) headers.push(`x-request-id: ${oneOf(below, ["ok", "a b", "x".repeat(500)])}`);
  return headed(`POST ${postPath(below, target)} HTTP/1.1`, [...headers, "connection: close"], body);
}

function pipelined(below: Below, target: OddTarget): Buffer {
  const requests = Array.from({ length: 1 + below(6) }, () =>
    framed(below, target, jsonBody(below, target), "keep-alive"),
  );
  return Buffer.concat([...requests, framed(below, target, jsonBody(below, target))]);
}

function withoutBody(below: Below, { paths }: OddTarget): Buffer {
  // A stream of events has no end.
  const endless = /\/admin\/(?:events|snapshot)/;
  const path = oneOf(
    below,
    paths.filter((one) => !endless.test(one.path)),
  ).path;
  const method = oneOf(below, ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "POST"]);
  const query = oneOf(below, [
    "",
    "?model=x",
    "?model=%ff",
    "?model[]=1",
    "?level=-1",
    "?model=a&model=b",
    "??",
  ]);
  return headed(`${method} ${concrete(below, path)}${query} HTTP/1.1`, ["connection: close"], "");
}

function chunked(below: Below, target: OddTarget): Buffer {
  const body = jsonBody(below, target);
  const sizes = [body.length.toString(16), "0", "ffffffff", "-1", "zz", "fffffffffffffffff"];
  const size = below(2) === 0 ? (sizes[0] ?? "0") : oneOf(below, sizes);
  const headers = ["content-type: application/json", "transfer-encoding: chunked", "connection: close"];
  if (below(4) === 0) headers.push("content-length: 5");
  if (below(6) === 0) headers.push("transfer-encoding: gzip");
  return headed(`POST ${postPath(below, target)} HTTP/1.1`, headers, `${size}\r\n${body}\r\n0\r\n\r\n`);
}

function damagedHttp(below: Below, target: OddTarget): Buffer {
  const bytes = framed(below, target, jsonBody(below, target));
  for (let i = 1 + below(3); i > 0; i--) bytes[below(Math.min(120, bytes.length))] = below(256);
  return bytes;
}
