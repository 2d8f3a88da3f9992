/** Settings of engines of other programs: their prefix cache can be reset where they allow it, and nothing else changes. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import { endpointTarget, type SettingsTarget } from "./settings-target.ts";

/** `resets`: what it answers to a reset; null: it has no such path. */
async function foreign(context: TestContext, resets: string | null): Promise<SettingsTarget> {
  const server = createServer((request, response) => {
    const isReset = request.method === "POST" && request.url === "/reset_prefix_cache";
    if (isReset && resets !== null) response.writeHead(200).end(resets);
    else response.writeHead(404).end("{}");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  context.after(() => server.close());
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const model = { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 };
  return endpointTarget("m-0", new RemoteEndpoint({ url, model }));
}

const reset = { engine: {}, resetsPrefixCache: true };

test("the prefix cache is reset, or the reason is told", async (context) => {
  for (const answer of ["", '{"success": true}']) {
    const target = await foreign(context, answer);
    await target.check(reset);
    await target.change(reset);
    assert.equal(await target.state(), null);
  }
  const busy = await foreign(context, '{"success": false}');
  await assert.rejects(busy.change(reset), /m-0 did not reset its prefix cache/);
  const without = await foreign(context, null);
  await assert.rejects(without.change(reset), /m-0 has no settings that change while it runs/);
});

test("no other setting changes, and with one of them the cache is left alone", async (context) => {
  const target = await foreign(context, '{"success": true}');
  const change = { engine: { maxNumSeqs: 2 }, resetsPrefixCache: true };
  await assert.rejects(target.check(change), /has no settings that change/);
  await assert.rejects(target.change(change), /has no settings that change/);
});
