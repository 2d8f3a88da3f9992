/**
 * @module What structured output costs: `node scripts/bench-structured-output.ts URL`, with a server running there.
 * Batches of requests with a schema and without one run by turns; the table has the medians of their rates.
 */
const [url = "http://127.0.0.1:8000"] = process.argv.slice(2);
const numRounds = 5;
const numTokens = 128;

/** Never complete within `numTokens` tokens: texts, numbers and a list, with names that the model must write. */
const schema = {
  type: "array",
  minItems: 100,
  items: {
    type: "object",
    properties: {
      name: { type: "string" },
      age: { type: "integer", minimum: 0, maximum: 150 },
      tags: { type: "array", items: { type: "string" }, minItems: 2, maxItems: 4 },
    },
    required: ["name", "age", "tags"],
    additionalProperties: false,
  },
};

async function complete(fields: object): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      messages: [{ role: "user", content: "List many people with their age and three tags, as JSON." }],
      max_tokens: numTokens,
      ignore_eos: true,
      temperature: 1,
      ...fields,
    }),
  });
  const answer = (await response.json()) as { readonly usage?: { readonly completion_tokens: number } };
  if (answer.usage === undefined) throw new TypeError(JSON.stringify(answer));
  return answer.usage.completion_tokens;
}

/** Generated tokens a second of `batch` requests at once. */
async function rate(batch: number, seed: number, fields: object): Promise<number> {
  const startMs = performance.now();
  const counts = await Promise.all(
    Array.from({ length: batch }, (_, i) => complete({ seed: 1000 * seed + i, ...fields })),
  );
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - startMs) / 1000);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const format = { response_format: { type: "json_schema", json_schema: { name: "people", schema } } };
const firstMs = performance.now();
await rate(1, 0, format);
console.log(`first request with the schema: ${Math.round(performance.now() - firstMs)} ms`);
await rate(1, 0, {});
console.log("batch  plain tokens/s  with schema  loss");
for (const batch of [1, 8, 32]) {
  const rates: { readonly plain: number; readonly ruled: number }[] = [];
  for (let round = 1; round <= numRounds; round++)
    rates.push({ plain: await rate(batch, round, {}), ruled: await rate(batch, round, format) });
  const [plain, ruled] = [median(rates.map((one) => one.plain)), median(rates.map((one) => one.ruled))];
  const loss = `${((1 - ruled / plain) * 100).toFixed(1)} %`;
  console.log(
    `${String(batch).padStart(5)}  ${plain.toFixed(1).padStart(14)}  ${ruled.toFixed(1).padStart(11)}  ${loss}`,
  );
}
