/** @module /score and /rerank against a real server on the CPU backend, with bodies as vLLM's documentation has them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

const server = new PagodaProcess({ after }, [
  "serve",
  tinyModel,
  "--served-model-name",
  "tiny",
  "--port",
  "0",
]);
let url: string;

before(async () => {
  url = await server.ready();
});

interface Answer {
  readonly object?: string;
  readonly id: string;
  readonly usage: Readonly<Record<string, number>>;
  readonly data: { index: number; object: string; score: number; embedding: number[] }[];
  readonly results: { index: number; relevance_score: number; document?: object }[];
  readonly count: number;
  readonly error: { readonly param: string };
}

async function post(path: string, body: object): Promise<{ status: number; json: Answer }> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny", ...body }),
  });
  return { status: response.status, json: (await response.json()) as Answer };
}

/** The products of the normalized embeddings: what a score is by definition. */
async function cosines(first: string, second: readonly string[]): Promise<number[]> {
  const { json } = await post("/v1/embeddings", { input: [first, ...second] });
  const [query = [], ...others] = json.data.map(({ embedding }) => embedding);
  return others.map((vector) => vector.reduce((sum, value, i) => sum + value * (query[i] ?? 0), 0));
}

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-5, `${i}: ${value}, ${expected[i]}`);
}

const scoresOf = (json: Answer): number[] => json.data.map(({ score }) => score);

const query = "What is the capital of France?";
const documents = ["The capital of Brazil is Brasilia.", "The capital of France is Paris.", query];

test("one text with one, with each of several, and each with its own", async () => {
  const wanted = await cosines(query, documents);
  const single = await post("/v1/score", {
    encoding_format: "float",
    text_1: query,
    text_2: documents[1],
  });
  assert.equal(single.status, 200);
  assert.equal(single.json.object, "list");
  assert.match(single.json.id, /^score-/);
  assert.equal(single.json.data[0]?.object, "score");
  assert.ok((single.json.usage["prompt_tokens"] ?? 0) > 2 && single.json.usage["completion_tokens"] === 0);
  assertNear(scoresOf(single.json), wanted.slice(1, 2));
  const several = await post("/score", { text_1: query, text_2: documents });
  assert.deepEqual(
    several.json.data.map(({ index }) => index),
    [0, 1, 2],
  );
  assertNear(scoresOf(several.json), wanted);
  const pairs = await post("/score", { queries: documents, items: documents });
  assertNear(scoresOf(pairs.json), [1, 1, 1]);
  for (const names of [
    ["queries", "documents"],
    ["data_1", "data_2"],
  ] as const) {
    const [first, second] = names;
    assertNear(scoresOf((await post("/score", { [first]: [query], [second]: documents })).json), wanted);
  }
});

test("documents are ranked, the first of them or all, with their texts or without, under every path", async () => {
  const wanted = await cosines(query, documents);
  const order = [0, 1, 2].sort((a, b) => (wanted[b] ?? 0) - (wanted[a] ?? 0));
  for (const path of ["/rerank", "/v1/rerank", "/v2/rerank"]) {
    const { status, json } = await post(path, { query, documents });
    assert.equal(status, 200);
    assert.deepEqual(
      json.results.map(({ index }) => index),
      order,
    );
    assertNear(
      json.results.map((result) => result.relevance_score),
      order.map((index) => wanted[index] ?? 0),
    );
    for (const { index, document } of json.results)
      assert.deepEqual(document, { text: documents[index], multi_modal: null });
    assert.equal(json.usage["total_tokens"], json.usage["prompt_tokens"]);
  }
  const top = await post("/rerank", { query, documents, top_n: 1, return_documents: false });
  assert.deepEqual(Object.keys(top.json.results[0] ?? {}), ["index", "relevance_score"]);
  assert.equal(top.json.results.length, 1);
  assert.equal(top.json.results[0]?.index, 2);
  const objects = documents.map((text, i) => (i === 0 ? { content: [{ type: "text", text }] } : { text }));
  const asObjects = await post("/rerank", { query: { text: query }, documents: objects, top_n: 9 });
  assert.deepEqual(asObjects.json.results, (await post("/rerank", { query, documents })).json.results);
});

test("long documents are cut where the request says so", async () => {
  const long = `${documents[1]} ${"and so on ".repeat(60)}`;
  const { json: whole } = await post("/tokenize", { prompt: documents[1] });
  const cut = await post("/rerank", { query, documents: [long], max_tokens_per_doc: whole.count });
  assertNear(
    [cut.json.results[0]?.relevance_score ?? Number.NaN],
    await cosines(query, [documents[1] ?? ""]),
  );
});

test("what cannot be scored is refused by name", async () => {
  const cases: [path: string, body: object, param: string][] = [
    ["/score", { text_1: ["a", "b"], text_2: ["a", "b", "c"] }, "text_2"],
    ["/score", { text_1: "a" }, "text_2"],
    ["/score", {}, "text_1"],
    ["/score", { text_1: "a", documents: "b" }, "text_2"],
    ["/score", { text_1: "a", text_2: [] }, "text_2"],
    ["/score", { text_1: "a", text_2: [1] }, "text_2"],
    ["/score", { text_1: "a", text_2: "b", dimensions: 3, instruction: "Judge." }, "instruction"],
    ["/rerank", { documents: ["a"] }, "query"],
    ["/rerank", { query: "a", documents: ["b"], top_n: -1 }, "top_n"],
    ["/rerank", { query: "a", documents: [{ content: [{ type: "image_url" }] }] }, "documents.0"],
  ];
  for (const [path, body, param] of cases) {
    const { status, json } = await post(path, body);
    assert.deepEqual([status, json.error.param], [400, param], `${path} ${JSON.stringify(body)}`);
  }
});
