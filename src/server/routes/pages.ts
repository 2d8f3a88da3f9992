/** @module For people: `/`, `/docs`, and `GET /v1`, which says what there is. They answer while the model loads. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { openApiDocument } from "../../api/openapi/openapi.ts";
import { PagodaError } from "../../core/errors.ts";
import { type AccessControl, accessOf } from "../access/access-control.ts";
import type { ServedModels } from "../models/served-models.ts";
import { DashboardFiles } from "../pages/dashboard-files.ts";
import { docsPage } from "../pages/docs-page.ts";
import { contentPolicy, frontPage } from "../pages/front-page.ts";
import { documentNames, documentText } from "../pages/shipped-documents.ts";
import type { AllowedMethods } from "../requests/allowed-methods.ts";

export interface PageRouteParts {
  readonly servedModels: ServedModels;
  readonly version: string;
  readonly allowedMethods: AllowedMethods;
  readonly access: AccessControl;
}

const htmlType = "text/html; charset=utf-8";
/** File names carry a hash of the content. */
const foreverCached = "public, max-age=31536000, immutable";
const pageHeaders = {
  "content-security-policy": contentPolicy,
  "cache-control": "no-cache",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
const plainHost = /^[\w.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i;

export function addPageRoutes(
  app: FastifyInstance,
  { servedModels, version, allowedMethods, access }: PageRouteParts,
): void {
  const files = new DashboardFiles();
  app.get("/", async (request, reply) => {
    reply.type(htmlType).headers(pageHeaders);
    const parts = { version, origin: originOf(request), program: files.list() };
    return frontPage({ ...parts, entries: access.mayAsk(request) ? servedModels.entries : null });
  });
  app.get<{ Params: { name: string } }>("/dashboard/:name", async (request, reply) => {
    const acceptsGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    const file = files.file(request.params.name, acceptsGzip);
    if (file === null)
      throw new PagodaError("not_found", "The dashboard has no such file.", { hint: "Load / again." });
    if (acceptsGzip) reply.header("content-encoding", "gzip");
    reply.headers({
      vary: "accept-encoding",
      "cache-control": foreverCached,
      "x-content-type-options": "nosniff",
    });
    return reply.type(file.type).send(file.bytes);
  });
  app.get("/v1", async () => ({
    object: "api",
    name: "pagoda",
    version,
    models: servedModels.entries.map(({ name, state }) => ({ id: name, state })),
    paths: allowedMethods.paths(),
    documents: documentNames().map((name) => `/docs/${name}`),
  }));
  const describedPaths = () =>
    allowedMethods.paths().map(({ path, methods }) => ({ path, methods, access: accessOf(path) }));
  app.get("/openapi.json", async () => openApiDocument(describedPaths(), version));
  app.get("/docs", async (_request, reply) => {
    reply.type(htmlType).headers(pageHeaders);
    return docsPage(openApiDocument(describedPaths(), version), documentNames());
  });
  app.get<{ Params: { name: string } }>("/docs/:name", async (request, reply) => {
    const text = documentText(request.params.name);
    if (text === null)
      throw new PagodaError("not_found", "There is no such document.", { hint: "GET /docs lists them." });
    return reply.type("text/plain; charset=utf-8").send(text);
  });
}

/** The address that the visitor used; a Host header that is more than a host and a port is not repeated. */
function originOf({ headers, socket }: FastifyRequest): string {
  const { host } = headers;
  if (host !== undefined && plainHost.test(host)) return `http://${host}`;
  return `http://127.0.0.1:${socket.localPort ?? 80}`;
}
