import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { parseNode } from "../../../api/admin/nodes.ts";
import { NodeRegistry, type ReadyNode } from "./node-registry.ts";

const emptyStatus = parseNode({ url: "" }).status;
const servers: Server[] = [];
afterEach(() => servers.splice(0).map((server) => server.close()));

/** A node whose `/health` answers what is set. */
async function scriptedNode(port = 0) {
  const script = { health: 200, numProbes: 0 };
  const server = createServer((request, answer) => {
    answer.setHeader("connection", "close");
    if (request.url === "/v1/models") return answer.end(JSON.stringify({ data: [{ id: "listed" }] }));
    script.numProbes += 1;
    answer.writeHead(script.health).end();
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  servers.push(server);
  return { script, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A registry whose pauses end when the test says so. */
function steppedRegistry() {
  const events: string[] = [];
  const ready: ReadyNode[] = [];
  const pauses: number[] = [];
  let wake: () => void = () => undefined;
  let paused = Promise.withResolvers<void>();
  const registry = new NodeRegistry({
    onReady: (node) => {
      ready.push(node);
      events.push(`ready ${node.models}`);
    },
    onAway: () => events.push("away"),
    wait: (ms, signal) => {
      pauses.push(ms);
      paused.resolve();
      return new Promise((resolve) => {
        wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    },
  });
  /** Ends the pause and waits for the next one: one probe lies between. */
  const probe = async (): Promise<void> => {
    paused = Promise.withResolvers<void>();
    wake();
    await paused.promise;
  };
  const firstProbe = (): Promise<void> => paused.promise;
  return { registry, events, ready, pauses, probe, firstProbe };
}

test("a node that registers before it listens joins once it answers", async () => {
  const { url } = await scriptedNode();
  const port = Number(new URL(url).port);
  await new Promise((closed) => servers.pop()?.close(closed));
  const { registry, events, pauses, probe, firstProbe } = steppedRegistry();
  registry.add(url, { ...emptyStatus, models: ["smol"] });
  await firstProbe();
  await probe();
  assert.deepEqual([events, pauses], [[], [500, 1000]]);
  await scriptedNode(port);
  await probe();
  assert.deepEqual(events, ["ready smol"]);
  assert.equal(registry.nodes()[url]?.state, "ready");
  registry.close();
});

test("one bad probe changes nothing, two take it out, and it comes back by itself", async () => {
  const { url, script } = await scriptedNode();
  const { registry, events, pauses, probe, firstProbe } = steppedRegistry();
  registry.add(url, emptyStatus);
  await firstProbe();
  assert.deepEqual(events, ["ready listed"]);
  script.health = 503;
  await probe();
  script.health = 200;
  await probe();
  assert.deepEqual(events, ["ready listed"]);
  script.health = 503;
  await probe();
  await probe();
  assert.deepEqual(events, ["ready listed", "away"]);
  assert.equal(registry.nodes()[url]?.state, "away");
  for (let i = 0; i < 10; i++) await probe();
  assert.equal(pauses.at(-1), 60_000);
  script.health = 200;
  await probe();
  assert.deepEqual(events, ["ready listed", "away", "ready listed"]);
  registry.close();
});

test("a removed node is told of once and asked no more; a second registration replaces the first", async () => {
  const { url, script } = await scriptedNode();
  const { registry, events, ready, firstProbe } = steppedRegistry();
  registry.add(url, emptyStatus);
  await firstProbe();
  assert.equal(ready[0]?.endpoint("listed").model.modelId, "listed");
  assert.ok(registry.remove(`${url}/`));
  assert.ok(!registry.remove(url));
  assert.deepEqual(events, ["ready listed", "away"]);
  const { numProbes } = script;
  assert.deepEqual(registry.nodes(), {});
  registry.close();
  assert.equal(script.numProbes, numProbes);
});

test("addresses that are not http, and more nodes than are kept, are refused", () => {
  const registry = new NodeRegistry({
    onReady: () => undefined,
    onAway: () => undefined,
    wait: () => new Promise(() => undefined),
  });
  assert.throws(() => registry.add("file:///etc/passwd", emptyStatus), { code: "invalid_request" });
  assert.throws(() => registry.add("10.0.0.1:23333", emptyStatus), { code: "invalid_request" });
  for (let port = 1; port <= 256; port++) registry.add(`http://127.0.0.1:${port}`, emptyStatus);
  assert.throws(() => registry.add("http://127.0.0.1:500", emptyStatus), /256 nodes are registered/);
  registry.close();
});
