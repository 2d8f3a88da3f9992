/** @module Sends the traces of requests to an OpenTelemetry collector: OTLP over HTTP with JSON, in batches. */
import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { EngineObserver, GenerationRequest, RequestRecord } from "../../core/generation.ts";
import { type OtlpSpan, type SpanContext, spansOf } from "./request-spans.ts";

export interface TraceExporterOptions {
  /** The collector's base address; traces go to `/v1/traces` below it. */
  readonly endpoint: URL;
  readonly version: string;
  readonly warn: (message: string) => void;
  readonly flushEveryMs?: number;
}

type TracedRequest = Pick<FastifyRequest, "headers" | "routeOptions">;

/** What a request said before it reached an engine. */
interface Asked {
  readonly path: string;
  readonly parent: SpanContext["parent"];
}

const defaultFlushMs = 5000;
const mostSendMs = 10_000;
/** Above it spans are dropped, and the number of them is told with the next failure. */
const mostSpans = 4096;
const spansPerBatch = 512;
/** Requests between their arrival and their end; beyond it the oldest are forgotten, and begin traces of their own. */
const mostAsked = 10_000;
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/;

export class TraceExporter {
  readonly #options: TraceExporterOptions;
  readonly #url: URL;
  readonly #asked = new Map<string, Asked>();
  readonly #spans: OtlpSpan[] = [];
  readonly #instanceId = randomUUID();
  #numDropped = 0;
  #hasFailed = false;
  #sending: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(options: TraceExporterOptions) {
    this.#options = options;
    this.#url = new URL(`${options.endpoint.pathname.replace(/\/$/, "")}/v1/traces`, options.endpoint);
    this.#timer = setInterval(() => void this.flush(), options.flushEveryMs ?? defaultFlushMs);
    this.#timer.unref();
  }

  /** Remembers which path asked for these requests of an engine, and whose trace they belong to. */
  note(
    { headers, routeOptions }: TracedRequest,
    requests: readonly Pick<GenerationRequest, "requestId">[],
  ): void {
    const { traceparent: header } = headers;
    const [, traceId, spanId] = traceparent.exec(typeof header === "string" ? header : "") ?? [];
    const parent = traceId === undefined || spanId === undefined ? null : { traceId, spanId };
    for (const { requestId } of requests) {
      this.#asked.set(requestId, { path: routeOptions.url ?? "", parent });
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > mostAsked && oldest !== undefined) this.#asked.delete(oldest);
    }
  }

  observerFor(model: string): Pick<EngineObserver, "requestFinished"> {
    return { requestFinished: (record) => this.#finished(model, record) };
  }

  /** Sends what there is. Never rejects. */
  flush(): Promise<void> {
    this.#sending = this.#sending.then(() => this.#sendAll());
    return this.#sending;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  #finished(model: string, record: RequestRecord): void {
    const asked = this.#asked.get(record.requestId);
    this.#asked.delete(record.requestId);
    const spans = spansOf(record, {
      model,
      operation: asked?.path === "/v1/completions" ? "text_completion" : "chat",
      parent: asked?.parent ?? null,
      randomHex: (numBytes) => randomBytes(numBytes).toString("hex"),
      originUnixMs: performance.timeOrigin,
    });
    if (this.#spans.length + spans.length > mostSpans) this.#numDropped += spans.length;
    else this.#spans.push(...spans);
    if (this.#spans.length >= spansPerBatch) void this.flush();
  }

  async #sendAll(): Promise<void> {
    while (this.#spans.length > 0) {
      const batch = this.#spans.splice(0, spansPerBatch);
      try {
        await this.#send(batch);
        this.#hasFailed = false;
      } catch (thrown) {
        this.#numDropped += batch.length;
        this.#tell(thrown);
        return;
      }
    }
  }

  async #send(spans: readonly OtlpSpan[]): Promise<void> {
    const resource = {
      attributes: [
        { key: "service.name", value: { stringValue: "pagoda" } },
        { key: "service.version", value: { stringValue: this.#options.version } },
        { key: "service.instance.id", value: { stringValue: this.#instanceId } },
      ],
    };
    const scope = { name: "pagoda", version: this.#options.version };
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }),
      signal: AbortSignal.timeout(mostSendMs),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new TypeError(`it answers ${response.status}`);
  }

  /** Once until it works again: a collector that is down must not fill the log. */
  #tell(thrown: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    this.#options.warn(
      `The OpenTelemetry collector at ${this.#url.origin} took no traces (${reason}); ${this.#numDropped} spans were dropped so far.`,
    );
  }
}
