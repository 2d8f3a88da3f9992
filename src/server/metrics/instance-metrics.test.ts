/** What a server says of the engines of other programs behind it, from what real ones have exposed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import { testApp } from "../testing/test-app.ts";

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures/fleet/engines");

/** Answers /metrics as an engine did, and nothing else. */
async function engineServer(context: TestContext, engine: string): Promise<URL> {
  const exposition = readFileSync(resolve(fixtures, engine, "metrics.txt"), "utf8");
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/metrics" ? 200 : 404).end(exposition);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  context.after(() => server.close());
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

/** The series of the model behind the endpoint, by name. */
function seriesOf(exposition: string): Record<string, number> {
  const found = exposition.matchAll(/^([\w:]+)\{([^}]*)\} (\S+)$/gm);
  const own = [...found].filter(([, , labels]) => labels?.includes('engine="far-0"'));
  return Object.fromEntries(own.map(([, name, , value]) => [name, Number(value)]));
}

for (const engine of ["vllm", "lmdeploy"])
  test(`the load and the tokens of ${engine} are there under the names of our own engines`, async (context) => {
    const url = await engineServer(context, engine);
    const { app, servedModels } = testApp({ text: "" });
    const entry = servedModels.add({ names: ["far"], acceptsAnyName: false, fingerprint: "" }, null);
    const model = { modelId: "far", maxModelLen: null, createdUnixSeconds: 0 };
    entry.attachEndpoint(new RemoteEndpoint({ url, model }));
    const series = seriesOf((await app.inject("/metrics")).body);
    const raw = readFileSync(resolve(fixtures, engine, "metrics.txt"), "utf8");
    const told = (name: string) =>
      Number(new RegExp(`^${engine}:${name}\\{[^}]*\\} (\\S+)`, "m").exec(raw)?.[1]);
    for (const name of ["num_requests_running", "num_requests_waiting", "generation_tokens_total"])
      assert.equal(series[`vllm:${name}`], told(name), name);
    assert.ok((series["vllm:generation_tokens_total"] ?? 0) > 0);
    assert.ok("pagoda:binding_limit_share" in series);
    assert.equal("pagoda:resident_bytes" in series, false);
    servedModels.remove(entry);
    assert.deepEqual(Object.keys(seriesOf((await app.inject("/metrics")).body)), []);
  });
