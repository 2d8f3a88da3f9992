/** pagoda status over the real application. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { testApp } from "../../server/testing/test-app.ts";
import { askSnapshot } from "./settings-client.ts";
import { statusText } from "./status.ts";

test("what a server does, and what binds it with its relief", async (context) => {
  const { app, observatory, service } = testApp({ text: "abc" });
  observatory.sample();
  const before = service.observe();
  // A second in which all seats were taken.
  service.observe = () => ({ ...before, limitMs: { ...before.limitMs, seats: before.limitMs.seats + 1000 } });
  await app.listen({ port: 0, host: "127.0.0.1" });
  context.after(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const text = statusText(await askSnapshot({ url }), null);
  assert.match(text, /^scripted-0 +ready \(pagoda\)$/m);
  assert.match(text, /^load +1 running, 2 waiting$/m);
  assert.match(text, /^memory +900 B resident of 1000 B$/m);
  assert.match(
    text,
    /^binds +seats \(\d+ % of the last minute\): .* --max-num-seqs 5 relieves it, for 100 B/m,
  );
  await assert.rejects(
    askSnapshot({ url: `${url}/nowhere/`, apiKey: "x" }).then(() =>
      askSnapshot({ url: "http://127.0.0.1:1" }),
    ),
    (error) => error instanceof PagodaError && error.code === "endpoint_unreachable",
  );
});
