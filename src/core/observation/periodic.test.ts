import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { periodically } from "./periodic.ts";

test("turns that find no descriptors are left out, and later ones come", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const turns: number[] = [];
  const timer = periodically(10, async () => {
    turns.push(turns.length);
    if (turns.length === 1) throw Object.assign(new Error("too many"), { code: "EMFILE" });
    if (turns.length === 2) await Promise.reject(Object.assign(new Error("too many"), { code: "ENFILE" }));
  });
  for (let i = 0; i < 3; i++) {
    t.mock.timers.tick(10);
    await new Promise((soon) => setImmediate(soon));
  }
  clearInterval(timer);
  assert.deepEqual(turns, [0, 1, 2]);
});

test("any other error is not kept back", async () => {
  const file = new URL("./periodic.ts", import.meta.url).href;
  const code = `import(${JSON.stringify(file)}).then(({ periodically }) => periodically(1, () => { throw new Error("broken"); }));`;
  const [error] = await once(new Worker(code, { eval: true }), "error");
  assert.match(error.message, /broken/);
});
