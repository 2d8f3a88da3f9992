/** /openapi.json and /docs: every path is there, and the schemas accept and refuse what the server does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { OpenApiDocument } from "../api/openapi/openapi.ts";
import { testApp } from "./testing/test-app.ts";

const message = [{ role: "user", content: "hi" }];
/** Bodies that the server takes, and bodies that it refuses for a field's type. */
const bodies: readonly (readonly [path: string, good: object, bad: object])[] = [
  ["/v1/chat/completions", { messages: message, max_tokens: 2 }, { messages: message, temperature: "warm" }],
  ["/v1/completions", { prompt: ["a", "b"], n: 2 }, { prompt: 7 }],
  ["/v1/responses", { input: "hi" }, { input: [] }],
  ["/score", { text_1: "a", text_2: ["b"] }, { text_1: "a" }],
  ["/rerank", { query: "a", documents: ["b"] }, { query: "a", documents: [] }],
  ["/v1/embeddings", { input: "hi" }, { input: "hi", priority: "many" }],
  ["/v1/messages", { messages: message, max_tokens: 3 }, { messages: message }],
  ["/tokenize", { prompt: "hi" }, { prompt: "hi", add_special_tokens: "no" }],
  ["/detokenize", { tokens: [97] }, { tokens: "a" }],
  ["/api/chat", { messages: message }, { messages: "hi" }],
  ["/api/embed", { input: ["hi"] }, { input: 5 }],
];

test("the document has every path of the server, and each operation is named once", async () => {
  const { app } = testApp({ text: "a" });
  const document = (await app.inject("/openapi.json")).json<OpenApiDocument>();
  const { paths } = (await app.inject("/v1")).json<{ paths: { path: string; methods: string[] }[] }>();
  assert.equal(document.openapi, "3.1.0");
  const listed = paths.map(({ path }) => path.replace(/:(\w+)/g, "{$1}").replace(/\*$/, "{rest}"));
  assert.deepEqual(Object.keys(document.paths).sort(), listed.sort());
  for (const { path, methods } of paths) {
    const item = document.paths[path.replace(/:(\w+)/g, "{$1}").replace(/\*$/, "{rest}")] ?? {};
    for (const method of methods) assert.ok(method.toLowerCase() in item, `${method} ${path}`);
  }
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).flatMap((operation) => ("operationId" in operation ? [operation.operationId] : [])),
  );
  assert.equal(new Set(ids).size, ids.length);
});

test("schemas are valid JSON Schema, and judge bodies as the server does", async () => {
  const { app } = testApp({ text: "a" });
  const document = (await app.inject("/openapi.json")).json<OpenApiDocument>();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const [path, good, bad] of bodies) {
    const schema = document.paths[path]?.["post"]?.requestBody?.content["application/json"]?.schema;
    assert.ok(schema !== undefined, path);
    const accepts = ajv.compile(schema);
    assert.equal(accepts(good), true, `${path} ${ajv.errorsText(accepts.errors)}`);
    assert.equal(accepts({ ...good, unknown_field: 1 }), true, path);
    assert.equal(accepts(bad), false, path);
    assert.equal((await app.inject({ method: "POST", url: path, payload: bad })).statusCode, 400, path);
    assert.notEqual((await app.inject({ method: "POST", url: path, payload: good })).statusCode, 400, path);
  }
});

test("/docs shows the paths and names no other machine", async () => {
  const { app } = testApp({ text: "a" });
  const { body } = await app.inject("/docs");
  assert.match(body, /POST \/v1\/chat\/completions/);
  assert.match(body, /<a href="\/openapi\.json">/);
  assert.doesNotMatch(body, /https?:\/\/(?!127\.0\.0\.1)/);
});
