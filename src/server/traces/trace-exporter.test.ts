/** Traces of real requests, as a collector gets them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { type TestContext, test } from "node:test";
import type { RequestRecord } from "../../core/generation.ts";
import { testApp } from "../testing/test-app.ts";
import { type OtlpSpan, spansOf } from "./request-spans.ts";
import { TraceExporter } from "./trace-exporter.ts";

interface Collector {
  readonly endpoint: URL;
  readonly spans: OtlpSpan[];
  readonly paths: string[];
  status: number;
}

async function collector(context: TestContext): Promise<Collector> {
  const spans: OtlpSpan[] = [];
  const paths: string[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += String(piece);
    paths.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
    const { resourceSpans } = JSON.parse(text);
    for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
    response.writeHead(state.status).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const state: Collector = { endpoint: new URL(`http://127.0.0.1:${port}/otlp`), spans, paths, status: 200 };
  return state;
}

const record: RequestRecord = {
  ...{ requestId: "r", outcome: "stop", arrivedMs: 10, scheduledMs: 15, firstTokenMs: 40, finishedMs: 100 },
  ...{ interTokenMs: [], numPromptTokens: 12, numCachedTokens: 4, numCompletionTokens: 7 },
  ...{ longestCompletionTokens: 7, numPreemptions: 0, n: 1, maxTokens: 20 },
};

const durationMs = ({ startTimeUnixNano, endTimeUnixNano }: OtlpSpan): number =>
  Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;

test("a request is a span with queue, prefill and decode in it, in the words of GenAI", async (context) => {
  const { endpoint, spans, paths } = await collector(context);
  const warnings: string[] = [];
  const exporter = new TraceExporter({ endpoint, version: "1", warn: (message) => warnings.push(message) });
  exporter.observerFor("m").requestFinished(record);
  await exporter.close();
  assert.deepEqual(paths, ["POST /otlp/v1/traces application/json"]);
  assert.deepEqual(
    spans.map((span) => [span.name, span.kind, Math.round(durationMs(span))]),
    [
      ["chat m", 2, 90],
      ["queue", 1, 5],
      ["prefill", 1, 25],
      ["decode", 1, 60],
    ],
  );
  const [root, ...inside] = spans;
  assert.ok(root !== undefined && /^[0-9a-f]{32}$/.test(root.traceId) && /^[0-9a-f]{16}$/.test(root.spanId));
  for (const span of inside) assert.deepEqual([span.traceId, span.parentSpanId], [root.traceId, root.spanId]);
  const attributes = Object.fromEntries(
    root.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
  assert.partialDeepStrictEqual(attributes, {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": "12",
    "gen_ai.usage.output_tokens": "7",
    "gen_ai.usage.cache_read.input_tokens": "4",
    "gen_ai.request.max_tokens": "20",
    "gen_ai.latency.time_in_queue": 0.005,
    "gen_ai.response.time_to_first_chunk": 0.03,
  });
  assert.deepEqual(warnings, []);
});

test("every attribute is one of the published conventions, or has its namespace from elsewhere", () => {
  const fixture = resolve(import.meta.dirname, "../../../tests/fixtures/observatory/gen-ai-attributes.txt");
  const published = new Set(readFileSync(fixture, "utf8").split("\n"));
  const worst: RequestRecord = { ...record, n: 2, outcome: "error" };
  const [root] = spansOf(worst, {
    ...{ model: "m", operation: "chat", parent: null, originUnixMs: 0 },
    randomHex: (numBytes) => "0".repeat(2 * numBytes),
  });
  const others = (root?.attributes ?? []).map(({ key }) => key).filter((key) => !published.has(key));
  // A general attribute of OpenTelemetry, our own, and vLLM's for latencies, for which the conventions have no attribute.
  assert.deepEqual(others, [
    "pagoda.preemptions",
    "gen_ai.latency.e2e",
    "gen_ai.latency.time_in_queue",
    "gen_ai.latency.time_to_first_token",
    "error.type",
  ]);
});

test("a client's traceparent is the parent, and a request that never ran has only its queue", async (context) => {
  const { endpoint, spans } = await collector(context);
  const exporter = new TraceExporter({ endpoint, version: "1", warn: () => undefined });
  const beforeToken = async (): Promise<void> => {
    const requestId = service.requests[0]?.requestId ?? "";
    const ended = { ...record, requestId, scheduledMs: null, firstTokenMs: null };
    exporter.observerFor("m").requestFinished({ ...ended, outcome: "abort" });
  };
  const { app, service } = testApp({ text: "abc", beforeToken }, { traces: exporter });
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await app.inject({
    ...{ method: "POST", url: "/v1/completions", headers: { traceparent: parent } },
    payload: { prompt: "a", max_tokens: 1 },
  });
  await exporter.flush();
  assert.deepEqual(
    spans.map(({ name, traceId, parentSpanId }) => [name, traceId, parentSpanId]),
    [
      ["text_completion m", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"],
      ["queue", "0af7651916cd43dd8448eb211c80319c", spans[0]?.spanId],
    ],
  );
  await exporter.close();
});

test("a collector that fails is told of once, and the server goes on", async (context) => {
  const state = await collector(context);
  const warnings: string[] = [];
  const exporter = new TraceExporter({
    ...{ endpoint: state.endpoint, version: "1", warn: (message) => warnings.push(message) },
  });
  state.status = 503;
  for (let i = 0; i < 3; i++) {
    exporter.observerFor("m").requestFinished(record);
    await exporter.flush();
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /took no traces \(it answers 503\); 4 spans were dropped so far/);
  state.status = 200;
  exporter.observerFor("m").requestFinished(record);
  await exporter.close();
  assert.equal(state.spans.length, 16);
});
