/** Registrations as LMDeploy's api_server sends them (recorded of 0.18: the body, and that it wants 200). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeDoor, NodeStatus } from "../../api/admin/nodes.ts";
import { AccessControl, openAccess } from "../access/access-control.ts";
import { testApp } from "../testing/test-app.ts";

class Door implements NodeDoor {
  readonly known: Record<string, NodeStatus> = {};
  accepts(address: string): boolean {
    return address === "10.0.0.7";
  }
  add(url: string, status: NodeStatus): void {
    this.known[url] = status;
  }
  remove(url: string): boolean {
    return delete this.known[url];
  }
  nodes(): Readonly<Record<string, NodeStatus>> {
    return this.known;
  }
}

const registration = { url: "http://0.0.0.0:23333", status: { models: ["smol"], role: 1 } };

test("a server registers without a key, is reached where it asked from, is listed and removed", async () => {
  const door = new Door();
  const keys = [{ key: "secret", name: null, requestsPerMinute: null, tokensPerMinute: null }];
  const access = new AccessControl({ ...openAccess, keys, isLoopback: false });
  const { app } = testApp({ text: "ab" }, { nodes: door, access });
  const remoteAddress = "::ffff:10.0.0.7";
  const added = await app.inject({ method: "POST", url: "/nodes/add", payload: registration, remoteAddress });
  assert.deepEqual([added.statusCode, added.json()], [200, "Added successfully"]);
  const listed = (await app.inject({ url: "/nodes/status", remoteAddress })).json();
  assert.deepEqual(listed["http://10.0.0.7:23333"].models, ["smol"]);
  const gone = { url: registration.url };
  await app.inject({ method: "POST", url: "/nodes/remove", payload: gone, remoteAddress });
  assert.deepEqual(door.known, {});
});

test("others, bodies that do not fit and servers without the flag are refused", async () => {
  const { app } = testApp({ text: "ab" }, { nodes: new Door() });
  const ask = (payload: object, remoteAddress: string) =>
    app.inject({ method: "POST", url: "/nodes/add", payload, remoteAddress });
  const stranger = await ask(registration, "10.0.0.8");
  assert.deepEqual([stranger.statusCode, stranger.json().error.code], [404, "not_found"]);
  const odd = await ask({ url: "http://10.0.0.7:1", status: { models: "smol" } }, "10.0.0.7");
  assert.equal(odd.statusCode, 400);
  assert.match(odd.json().error.message, /status\.models/);
  const without = testApp({ text: "ab" }).app;
  assert.equal(
    (await without.inject({ method: "POST", url: "/nodes/add", payload: registration })).statusCode,
    404,
  );
});
