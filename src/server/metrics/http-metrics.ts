/** @module HTTP requests under the names of prometheus_fastapi_instrumentator, as vLLM exposes them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Counter, Histogram, type Registry, Summary } from "prom-client";
import { httpSeconds, httpSecondsFine } from "./buckets.ts";
import { type MetricName, metricTable } from "./metric-table.ts";

/** Every path that has no route, so that strangers cannot make series. */
const noHandler = "none";

export class HttpMetrics {
  readonly #requests: Counter<"method" | "status" | "handler">;
  readonly #requestBytes: Summary<"handler">;
  readonly #responseBytes: Summary<"handler">;
  readonly #seconds: Histogram<"method" | "handler">;
  readonly #secondsFine: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      ...described("http_requests_total"),
      labelNames: ["method", "status", "handler"],
      registers,
    });
    const summary = (name: MetricName): Summary<"handler"> =>
      new Summary({ ...described(name), labelNames: ["handler"], percentiles: [], registers });
    this.#requestBytes = summary("http_request_size_bytes");
    this.#responseBytes = summary("http_response_size_bytes");
    this.#seconds = new Histogram({
      ...described("http_request_duration_seconds"),
      labelNames: ["method", "handler"],
      buckets: httpSeconds,
      registers,
    });
    this.#secondsFine = new Histogram({
      ...described("http_request_duration_highr_seconds"),
      buckets: httpSecondsFine,
      registers,
    });
  }

  /** Counts every request from now on, once: when its connection is done with it. */
  watch(app: FastifyInstance): void {
    app.addHook("onRequest", async (request, reply) => {
      const startMs = performance.now();
      reply.raw.once("close", () => this.#count(request, reply, (performance.now() - startMs) / 1000));
    });
  }

  #count(request: FastifyRequest, reply: FastifyReply, seconds: number): void {
    const { method } = request;
    const handler = request.routeOptions.url ?? noHandler;
    const { raw } = reply;
    // A client that left before the status line: nginx's 499, of the class of its own mistakes.
    const status = raw.headersSent ? `${Math.floor(raw.statusCode / 100)}xx` : "4xx";
    this.#requests.inc({ method, status, handler });
    this.#requestBytes.observe({ handler }, Number(request.headers["content-length"]) || 0);
    this.#responseBytes.observe({ handler }, Number(raw.getHeader("content-length")) || 0);
    this.#seconds.observe({ method, handler }, seconds);
    this.#secondsFine.observe(seconds);
  }
}

function described(name: MetricName): { readonly name: MetricName; readonly help: string } {
  return { name, help: metricTable[name].help };
}
