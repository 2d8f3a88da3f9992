/** @module A request as spans of OpenTelemetry (OTLP, JSON encoding): the request, and in it queue, prefill and decode. */
import type { RequestRecord } from "../../core/generation.ts";

export interface OtlpAttribute {
  readonly key: string;
  readonly value:
    | { readonly stringValue: string }
    /** 64 bits: OTLP writes them as text. */
    | { readonly intValue: string }
    | { readonly doubleValue: number }
    | { readonly arrayValue: { readonly values: readonly { readonly stringValue: string }[] } };
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status: { readonly code: number; readonly message?: string };
}

export interface SpanContext {
  readonly model: string;
  /** `chat` or `text_completion`, as in the GenAI semantic conventions. */
  readonly operation: string;
  /** Of the client's `traceparent`; null: the request begins a trace. */
  readonly parent: { readonly traceId: string; readonly spanId: string } | null;
  /** `numBytes` random bytes in hexadecimal digits. */
  readonly randomHex: (numBytes: number) => string;
  /** Unix milliseconds of the monotonic clock's zero. */
  readonly originUnixMs: number;
}

const kind = { internal: 1, server: 2 } as const;
const statusCode = { unset: 0, error: 2 } as const;

/** Names of attributes are those of the GenAI semantic conventions, and vLLM's for latencies. */
export function spansOf(record: RequestRecord, context: SpanContext): OtlpSpan[] {
  const traceId = context.parent?.traceId ?? context.randomHex(16);
  const root: OtlpSpan = {
    traceId,
    spanId: context.randomHex(8),
    ...(context.parent === null ? {} : { parentSpanId: context.parent.spanId }),
    name: `${context.operation} ${context.model}`,
    kind: kind.server,
    startTimeUnixNano: nanos(record.arrivedMs, context),
    endTimeUnixNano: nanos(record.finishedMs, context),
    attributes: attributesOf(record, context),
    status: { code: record.outcome === "error" ? statusCode.error : statusCode.unset },
  };
  const inside = phasesOf(record).map(([name, fromMs, toMs]) => ({
    traceId,
    spanId: context.randomHex(8),
    parentSpanId: root.spanId,
    name,
    kind: kind.internal,
    startTimeUnixNano: nanos(fromMs, context),
    endTimeUnixNano: nanos(toMs, context),
    attributes: [],
    status: { code: statusCode.unset },
  }));
  return [root, ...inside];
}

/** A phase that a request did not reach has no span; the last one that it reached ends with the request. */
function phasesOf(record: RequestRecord): (readonly [name: string, fromMs: number, toMs: number])[] {
  const { arrivedMs, scheduledMs, firstTokenMs, finishedMs } = record;
  const phases: (readonly [string, number, number])[] = [["queue", arrivedMs, scheduledMs ?? finishedMs]];
  if (scheduledMs !== null) phases.push(["prefill", scheduledMs, firstTokenMs ?? finishedMs]);
  if (firstTokenMs !== null) phases.push(["decode", firstTokenMs, finishedMs]);
  return phases;
}

function attributesOf(record: RequestRecord, { model, operation }: SpanContext): OtlpAttribute[] {
  const { arrivedMs, scheduledMs, firstTokenMs, finishedMs, outcome } = record;
  const seconds = (ms: number): number => ms / 1000;
  const attributes = [
    text("gen_ai.operation.name", operation),
    text("gen_ai.provider.name", "pagoda"),
    text("gen_ai.request.model", model),
    text("gen_ai.response.model", model),
    text("gen_ai.response.id", record.requestId),
    integer("gen_ai.usage.input_tokens", record.numPromptTokens),
    integer("gen_ai.usage.cache_read.input_tokens", record.numCachedTokens),
    integer("gen_ai.usage.output_tokens", record.numCompletionTokens),
    list("gen_ai.response.finish_reasons", [outcome]),
    integer("pagoda.preemptions", record.numPreemptions),
    double("gen_ai.latency.e2e", seconds(finishedMs - arrivedMs)),
  ];
  if (record.n !== 1) attributes.push(integer("gen_ai.request.choice.count", record.n));
  if (record.maxTokens !== null) attributes.push(integer("gen_ai.request.max_tokens", record.maxTokens));
  if (scheduledMs !== null)
    attributes.push(double("gen_ai.latency.time_in_queue", seconds(scheduledMs - arrivedMs)));
  if (firstTokenMs !== null) {
    const toFirst = seconds(firstTokenMs - arrivedMs);
    attributes.push(double("gen_ai.response.time_to_first_chunk", toFirst));
    attributes.push(double("gen_ai.latency.time_to_first_token", toFirst));
  }
  if (outcome === "error") attributes.push(text("error.type", "error"));
  return attributes;
}

function nanos(ms: number, { originUnixMs }: SpanContext): string {
  return String(BigInt(Math.round((originUnixMs + ms) * 1000)) * 1000n);
}

function text(key: string, value: string): OtlpAttribute {
  return { key, value: { stringValue: value } };
}

function integer(key: string, value: number): OtlpAttribute {
  return { key, value: { intValue: String(value) } };
}

function double(key: string, value: number): OtlpAttribute {
  return { key, value: { doubleValue: value } };
}

function list(key: string, values: readonly string[]): OtlpAttribute {
  return { key, value: { arrayValue: { values: values.map((value) => ({ stringValue: value })) } } };
}
