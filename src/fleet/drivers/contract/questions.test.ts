import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { act } from "./questions.ts";

test("an engine that closes an idle connection as it is used again is asked once more, and one that is gone is named", async (t) => {
  let numConnections = 0;
  const server = createServer((socket) => {
    numConnections += 1;
    let isUsed = false;
    socket.on("error", () => undefined);
    socket.on("data", () => {
      if (isUsed) return socket.destroy();
      isUsed = true;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const signal = AbortSignal.timeout(10_000);
  for (let turn = 0; turn < 3; turn += 1) assert.equal(await act(port, "/wakeup", signal), "ok");
  assert.equal(numConnections, 3);
  await new Promise((closed) => server.close(closed));
  await assert.rejects(act(port, "/wakeup", signal), {
    message: /^The instance on port \d+ did not answer \/wakeup: .*ECONNREFUSED.*\.$/,
  });
});
