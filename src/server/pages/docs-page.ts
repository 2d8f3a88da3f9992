/** @module The page at /docs: every path with the schema of its body, and the shipped documents. It asks no other machine. */
import type { OpenApiDocument, OpenApiOperation } from "../../api/openapi/openapi.ts";
import { html } from "./html.ts";

const methodNames = ["get", "post", "put", "patch", "delete"] as const;

export function docsPage({ paths }: OpenApiDocument, documents: readonly string[]): string {
  const rows = Object.entries(paths).flatMap(([path, item]) =>
    methodNames.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [entry(method, path, operation)];
    }),
  );
  const links = documents.map((name) => html`<li><a href="/docs/${name}">${name}</a></li>`);
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pagoda: the API and the documents</title><h1>The API</h1><p>The same as OpenAPI 3.1: <a href="/openapi.json">/openapi.json</a></p>${rows}<h1>Documents</h1><ul>${links}</ul></html>`
    .text;
}

function entry(method: string, path: string, { summary = "", requestBody }: OpenApiOperation) {
  const title = html`<b>${method.toUpperCase()} ${path}</b> ${summary}`;
  const schema = requestBody?.content["application/json"]?.schema;
  if (schema === undefined) return html`<p>${title}</p>`;
  return html`<details><summary>${title}</summary><pre>${JSON.stringify(schema, null, 2)}</pre></details>`;
}
