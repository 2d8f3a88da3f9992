/** @module Embeddings through the openai and ollama packages against a real server on the CPU backend. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { referenceLogits } from "../../src/model/testing/checkpoint-conformance.ts";

const server = new PagodaProcess({ after }, [
  "serve",
  tinyModel,
  "--served-model-name",
  "tiny",
  "--port",
  "0",
]);
let url: string;
let client: OpenAI;

before(async () => {
  url = await server.ready();
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
});

const checkpoint = "llama-gqa-rope-scaled";
const { tokens, numTokens } = referenceLogits(checkpoint);
const prompts = [0, 1].map((i) => [...tokens.subarray(i * numTokens, (i + 1) * numTokens)]);
const expected = JSON.parse(readFileSync(new URL("../fixtures/hidden-states.json", import.meta.url), "utf8"))[
  checkpoint
] as Record<"mean" | "last", number[][]>;

const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector);

test("vectors are those of transformers, by both ways of pooling and both encodings", async () => {
  for (const pooling of ["mean", "last"] as const)
    for (const encoding of ["float", "base64"] as const) {
      const body = { model: "tiny", input: prompts, encoding_format: encoding, pooling, normalize: false };
      // The package decodes base64 by itself, unless it was asked for.
      const answer = await client.embeddings.create(body);
      assert.equal(answer.usage.prompt_tokens, 2 * numTokens);
      for (const [i, { embedding }] of answer.data.entries()) {
        const vector = encoding === "float" ? embedding : float32s(String(embedding));
        const wanted = expected[pooling][i] ?? [];
        assert.equal(vector.length, wanted.length);
        const largest = Math.max(...wanted.map((value, j) => Math.abs(value - (vector[j] ?? Number.NaN))));
        assert.ok(largest < 2e-2, `${pooling}, ${encoding}: ${largest}`);
      }
    }
});

function float32s(base64: string): number[] {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

test("vectors have the length 1, and bits that do not depend on what runs beside them", async () => {
  const input = Array.from({ length: 24 }, (_, i) => "pagoda ".repeat(1 + i));
  const together = async (): Promise<string[]> => {
    const answer = await client.embeddings.create({ model: "tiny", input, encoding_format: "base64" });
    return answer.data.map(({ embedding }) => String(embedding));
  };
  const [vectors, others] = await Promise.all([
    together(),
    together(),
    client.completions.create({ model: "tiny", prompt: input.slice(0, 8), max_tokens: 32 }),
  ]);
  assert.deepEqual(vectors, others);
  for (const [i, text] of input.entries()) {
    const alone = await client.embeddings.create({ model: "tiny", input: text, encoding_format: "base64" });
    assert.equal(String(alone.data[0]?.embedding), vectors[i]);
    assert.ok(Math.abs(lengthOf(float32s(vectors[i] ?? "")) - 1) < 1e-5);
  }
});

test("what cannot be done is refused by name", async () => {
  const refusal = (pattern: RegExp) => (error: unknown) =>
    error instanceof OpenAI.BadRequestError && pattern.test(error.message);
  await assert.rejects(
    client.embeddings.create({ model: "tiny", input: "a", dimensions: 8 }),
    refusal(/asks to cut the vectors/),
  );
  await assert.rejects(client.embeddings.create({ model: "tiny", input: "" }), refusal(/has no tokens/));
  await assert.rejects(client.embeddings.create({ model: "tiny", input: [] }), refusal(/'input' must be/));
  await assert.rejects(
    client.embeddings.create({ model: "tiny", input: "a ".repeat(20_000) }),
    refusal(/context length/),
  );
  const pooling = { model: "tiny", input: "a", pooling: "cls" };
  await assert.rejects(client.embeddings.create(pooling), refusal(/'pooling' must be "mean" or "last"/));
});

test("Ollama's embed has the same vectors, its older form those without normalization", async () => {
  const ollama = new Ollama({ host: url });
  const input = ["pagoda", "a tower of many roofs"];
  const { embeddings, prompt_eval_count: numCounted } = await ollama.embed({ model: "tiny", input });
  const { data, usage } = await client.embeddings.create({ model: "tiny", input, encoding_format: "float" });
  assert.deepEqual(
    embeddings,
    data.map(({ embedding }) => embedding),
  );
  assert.equal(numCounted, usage.prompt_tokens);
  const { embedding } = await ollama.embeddings({ model: "tiny", prompt: "pagoda" });
  const length = lengthOf(embedding);
  const largest = Math.max(
    ...embedding.map((value, i) => Math.abs(value / length - (embeddings[0]?.[i] ?? 0))),
  );
  assert.ok(largest < 1e-6);
  await assert.rejects(ollama.embed({ model: "tiny", input, dimensions: 4 }), /dimensions/);
});
