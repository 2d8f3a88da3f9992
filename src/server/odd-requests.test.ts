/** Whatever is sent is answered, or ends; never with 500. `npm run soak` sends a million. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OddTarget } from "./testing/odd-requests.ts";
import { requestSoak } from "./testing/request-soak.ts";
import { testApp } from "./testing/test-app.ts";

const numRequests = 1500;

test(`${numRequests} odd requests over real sockets`, async (t) => {
  const { app, running, service, metrics } = testApp({ text: "hello" });
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  const { paths } = (await (await fetch(`${address}/v1`)).json()) as Pick<OddTarget, "paths">;
  const counts = await requestSoak({
    port: Number(new URL(address).port),
    target: { paths, modelName: "scripted" },
    firstSeed: 0,
    numRequests,
    numClients: 16,
    mostMs: 30_000,
  });
  t.diagnostic(JSON.stringify({ ...counts.byStatus, none: counts.numWithoutAnswer }));
  assert.deepEqual(counts.faults, []);
  assert.ok((counts.byStatus[200] ?? 0) > numRequests / 10, "too few requests were served");
  assert.ok((counts.byStatus[400] ?? 0) > numRequests / 10, "too few requests were refused");
  // Each request that reached the engine has exactly one end, and nothing is held for any.
  while (running.numRunning > 0) await new Promise((wake) => setTimeout(wake, 5));
  assert.equal(service.numEndings, service.requests.length);
  assert.match(await metrics.scrape([]), /^pagoda:connection_header_bytes 0$/m);
});
