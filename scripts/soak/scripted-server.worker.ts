/** @module The application over a scripted model, in a process of its own, for `npm run soak`. Prints its address. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { testApp } from "../../src/server/testing/test-app.ts";

const { app, service, running, logLines } = testApp({ text: "hello" });
// Lines of a million requests would be most of the memory.
logLines.push = () => 0;
// What was received is for assertions of small tests.
service.requests.push = () => {
  numRequests++;
  return numRequests;
};
let numRequests = 0;
const blocked = monitorEventLoopDelay({ resolution: 1 });
blocked.enable();
process.on("message", (message) => {
  if (message === "blocked") {
    process.send?.({ blockedMs: blocked.max / 1e6 });
    blocked.reset();
    return;
  }
  if (message === "heap") {
    globalThis.gc?.();
    process.send?.({ heapBytes: process.memoryUsage().heapUsed });
    return;
  }
  process.send?.({ numRequests, numEndings: service.numEndings, numRunning: running.numRunning });
});
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
