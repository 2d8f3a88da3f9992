import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type TestApp, testApp } from "../testing/test-app.ts";

interface Line {
  readonly msg: string;
  readonly level: number;
  readonly [field: string]: unknown;
}

/** The lines of requests that ended. */
const answered = ({ logLines }: TestApp): Line[] =>
  logLines.map((line) => JSON.parse(line) as Line).filter(({ durationMs }) => durationMs !== undefined);

/** Over a real connection, whose end is what is logged; resolves when it has been. */
async function post(t: TestContext, given: TestApp, payload: object): Promise<void> {
  t.after(() => given.app.close());
  const address = await given.app.listen({ port: 0, host: "127.0.0.1" });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${address}/v1/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(payload),
  });
  await answer.text();
  while (answered(given).length === 0) await pause(2);
}

test("a finished request is one line: status, tokens, cached, first token, speed", async (t) => {
  for (const stream of [false, true]) {
    const given = testApp({ text: "abc", beforeToken: () => pause(2) });
    await post(t, given, { prompt: "hello", stream });
    const [line, ...others] = answered(given);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [
        line?.level,
        line?.status,
        line?.promptTokens,
        line?.cachedTokens,
        line?.outputTokens,
        line?.error,
        line?.clientLeft,
      ],
      [30, 200, 5, 1, 3, null, false],
    );
    assert.match(
      line?.msg ?? "",
      /^\/v1\/completions 200: 5 prompt tokens \(1 cached\), 3 output tokens, the first after [\d.]+ ms, [\d.]+ tokens\/s$/,
    );
  }
});

test("a refused request and one that breaks off say why", async (t) => {
  const refused = testApp({ text: "a" });
  await post(t, refused, { prompt: "a", temperature: -1 });
  assert.deepEqual(
    answered(refused).map(({ status, error }) => [status, error]),
    [[400, "invalid_request"]],
  );
  assert.deepEqual(
    answered(refused).map(({ msg }) => msg),
    ["/v1/completions 400: invalid_request (temperature)"],
  );
  const breaking = testApp({
    text: "abc",
    beforeToken: async (i) => {
      if (i === 1) throw new TypeError("broken");
    },
  });
  await post(t, breaking, { prompt: "a", stream: true });
  assert.deepEqual(
    answered(breaking).map(({ status, error, outputTokens }) => [status, error, outputTokens]),
    [[200, "internal", 1]],
  );
});

test("a client that leaves is told apart from one that was served", async (t) => {
  const given = testApp({ text: "x".repeat(1000), beforeToken: () => pause(1) });
  t.after(() => given.app.close());
  const address = await given.app.listen({ port: 0, host: "127.0.0.1" });
  for (const stream of [true, false]) {
    const leaving = new AbortController();
    const before = given.service.numTokensGenerated;
    const asked = fetch(`${address}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a", stream, max_tokens: 1000 }),
      signal: leaving.signal,
    }).then((response) => response.text());
    while (given.service.numTokensGenerated < before + 3) await pause(2);
    leaving.abort();
    await assert.rejects(asked);
  }
  while (answered(given).length < 2) await pause(5);
  assert.deepEqual(
    answered(given).map(({ status, clientLeft }) => [status, clientLeft]),
    [
      [200, true],
      [499, true],
    ],
  );
});
