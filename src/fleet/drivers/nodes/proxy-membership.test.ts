import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ProxyMembership } from "./proxy-membership.ts";

/** LMDeploy's proxy as far as nodes meet it; it forgets when the test says so, and it can refuse or be silent. */
async function scriptedProxy() {
  const nodes: Partial<Record<string, unknown>> = {};
  const script = { status: 200, answer: "Added successfully" };
  const server = createServer((request, answer) => {
    answer.setHeader("connection", "close");
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      if (script.status !== 200) return answer.writeHead(script.status).end();
      if (request.url === "/nodes/status") return answer.end(JSON.stringify(nodes));
      const { url, status } = JSON.parse(Buffer.concat(pieces).toString()) as {
        url: string;
        status?: unknown;
      };
      if (request.url === "/nodes/remove") delete nodes[url];
      else if (script.answer === "Added successfully") nodes[url] = status;
      answer.end(JSON.stringify(script.answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { nodes, script, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("it registers, comes back when it was forgotten, waits out a silent proxy, and leaves", async (t) => {
  const proxy = await scriptedProxy();
  t.after(() => proxy.server.close());
  const changes: string[] = [];
  let isReady = false;
  let wake: () => void = () => undefined;
  let paused = Promise.withResolvers<void>();
  const membership = new ProxyMembership({
    proxyUrl: `${proxy.url}/`,
    ownUrl: "http://10.0.0.1:8000",
    models: ["smol"],
    isReady: () => isReady,
    onChange: (isMember, reason) => changes.push(`${isMember}: ${reason}`),
    wait: (_ms, signal) => {
      paused.resolve();
      return new Promise((resolve) => {
        wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    },
  });
  const look = async (): Promise<void> => {
    paused = Promise.withResolvers<void>();
    wake();
    await paused.promise;
  };
  await paused.promise;
  assert.deepEqual(proxy.nodes, {});
  isReady = true;
  await look();
  assert.deepEqual(proxy.nodes, { "http://10.0.0.1:8000": { models: ["smol"], role: 1 } });
  Reflect.deleteProperty(proxy.nodes, "http://10.0.0.1:8000");
  await look();
  assert.ok("http://10.0.0.1:8000" in proxy.nodes);
  assert.deepEqual(changes, ["true: Added successfully"]);
  proxy.script.status = 500;
  await look();
  Reflect.deleteProperty(proxy.nodes, "http://10.0.0.1:8000");
  proxy.script.status = 200;
  proxy.script.answer = "Failed to add, please check the input url.";
  await look();
  assert.equal(membership.isMember, false);
  proxy.script.answer = "Added successfully";
  await look();
  assert.deepEqual(changes.slice(1), ["false: the proxy does not answer", "true: Added successfully"]);
  isReady = false;
  await look();
  assert.deepEqual([proxy.nodes, changes.at(-1)], [{}, "false: its model is not ready"]);
  isReady = true;
  await look();
  await membership.leave();
  assert.deepEqual([proxy.nodes, changes.at(-1)], [{}, "false: it has left"]);
});
