/** /admin/snapshot and /admin/events of the real application. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import {
  type AdminEvent,
  adminEventSchema,
  applyDelta,
  type Delta,
  type Snapshot,
  snapshotSchema,
} from "../../api/admin/observatory/index.ts";
import { type TestApp, testApp } from "../testing/test-app.ts";

interface Frame {
  readonly id: string | null;
  readonly name: string;
  readonly data: unknown;
}

/** The frames of a stream one by one, without comments. */
async function* framesOf(response: IncomingMessage): AsyncGenerator<Frame> {
  let text = "";
  for await (const piece of response) {
    text += String(piece);
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field("data");
      if (data !== undefined)
        yield { id: field("id") ?? null, name: field("event") ?? "", data: JSON.parse(data) };
    }
  }
}

async function listening(context: TestContext): Promise<TestApp & { readonly port: number }> {
  const parts = testApp({ text: "abc" });
  await parts.app.listen({ port: 0, host: "127.0.0.1" });
  context.after(() => parts.app.close());
  return { ...parts, port: (parts.app.server.address() as AddressInfo).port };
}

async function stream(port: number, lastFrameId: string | null) {
  const headers = lastFrameId === null ? {} : { "last-event-id": lastFrameId };
  const request: ClientRequest = get({ port, host: "127.0.0.1", path: "/admin/events", headers });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const frames = framesOf(response);
  return {
    next: async (): Promise<Frame> => {
      const { value, done } = await frames.next();
      assert.ok(!done, "the stream has ended");
      return value as Frame;
    },
    end: () => request.destroy(),
  };
}

test("the snapshot keeps its schema and has what the service says", async () => {
  const { app, observatory } = testApp({ text: "abc" });
  observatory.sample();
  await app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "ab", max_tokens: 2 } });
  const snapshot = snapshotSchema.parse((await app.inject("/admin/snapshot")).json());
  const instance = snapshot.instances["scripted-0"];
  assert.deepEqual(instance?.memory, {
    capBytes: 1000,
    residentBytes: 900,
    peakResidentBytes: 950,
    components: [{ name: "kvPool", plannedBytes: 64, actualBytes: 64, evidence: "exact" }],
    runtimeParts: [],
  });
  assert.equal(instance?.blocks?.numReferenced, 1);
  assert.deepEqual(
    Object.values(instance?.sequences ?? {}).map(({ byteSeconds }) => byteSeconds),
    [16],
  );
  assert.deepEqual(
    snapshot.devices.cpu?.holders.map(({ kind, name, heldBytes }) => [kind, name, heldBytes]),
    [
      ["instance", "scripted-0", 900],
      ["foreign", "someone", 600],
    ],
  );
});

test("a snapshot, then deltas that lead to the next snapshot, and events at once", async (context) => {
  const { app, port, service, observatory } = await listening(context);
  const listener = await stream(port, null);
  const first = await listener.next();
  assert.equal(first.name, "snapshot");
  let state = snapshotSchema.parse(first.data);
  observatory.events.add({ kind: "settings", message: "Something changed.", by: "a test" });
  const event = await listener.next();
  assert.equal(event.name, "event");
  assert.equal((adminEventSchema.parse(event.data) satisfies AdminEvent).message, "Something changed.");
  service.numTokensGenerated = 77;
  for (;;) {
    const { name, data } = await listener.next();
    assert.equal(name, "delta");
    state = applyDelta(state, data as Delta);
    if (state.instances["scripted-0"]?.totals?.numGenerationTokens === 77) break;
  }
  const stillThere = ({ instances, devices }: Snapshot) => ({ instances, devices });
  const asked = snapshotSchema.parse((await app.inject("/admin/snapshot")).json());
  assert.deepEqual(stillThere(state).devices, stillThere(asked).devices);
  listener.end();
});

test("a listener that comes back gets what it missed, one of another run a snapshot", async (context) => {
  const { port, observatory } = await listening(context);
  const listener = await stream(port, null);
  const { id } = await listener.next();
  assert.ok(id !== null);
  listener.end();
  observatory.events.add({ kind: "settings", message: "While nobody listened." });
  const back = await stream(port, id);
  const names: string[] = [];
  for (let frame = await back.next(); ; frame = await back.next()) {
    names.push(frame.name);
    if (frame.name !== "event") continue;
    assert.equal((frame.data as AdminEvent).message, "While nobody listened.");
    break;
  }
  assert.ok(!names.includes("snapshot"), names.join());
  back.end();
  const stranger = await stream(port, "0123abcd-5");
  assert.equal((await stranger.next()).name, "snapshot");
  stranger.end();
});
