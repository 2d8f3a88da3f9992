/** What of a fleet file changes while its fleet runs, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fleetSpecFrom } from "../desired/read-fleet-file.ts";
import { answerOf, scriptedFleet } from "../testing/scripted-fleet.ts";
import { assertChangeable, settingSteps } from "./difference.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const spec = (more: object = {}) =>
  fleetSpecFrom(JSON.stringify({ name: "f", models: { m: { model: "x" } }, ...more }), {
    label: "f",
    folder: "/",
    environment: null,
  });

test("a queue, a wait and limits change at once, each with both values", () => {
  const to = spec({
    router: { queue: 10, wait: "5s" },
    limits: { stuck: "1m", log_size: "1MiB" },
    placement: "spread",
  });
  assertChangeable(spec(), to);
  assert.deepEqual(settingSteps(spec(), to), [
    "placement: pack → spread, for instances that start from now on",
    "router.queue: 1000 → 10, for requests from now on",
    "router.wait: 60 s → 5 s, for requests from now on",
    "limits.stuck: 300 s → 60 s, for instances that start from now on",
    "limits.log_size: 16.0 MiB → 1.0 MiB, for instances that start from now on",
  ]);
  assert.deepEqual(settingSteps(to, to), []);
});

test("what needs another start of the supervisor is refused, all of it by name", () => {
  const refused = (more: object) => () => assertChangeable(spec(), spec(more));
  assert.throws(refused({ server: { port: 9 } }), /The fleet runs with another value of server\.port\./);
  assert.throws(
    refused({ keys: { api: ["0123456789abcdef"] }, limits: { shutdown_grace: "20s" }, on_exit: "leave" }),
    /The fleet runs with other values of keys and limits\.shutdown_grace and on_exit\./,
  );
});

test("a smaller queue holds for the next request of a fleet that runs", {
  skip,
}, async (t) => {
  const scripted = scriptedFleet([{ name: "m", min: 1 }]);
  t.after(() => scripted.close());
  const { fleet } = scripted;
  await fleet.start();
  const model = fleet.model("m");
  fleet.settle({ ...spec({ router: { queue: 0, wait: "1s" } }), name: "scripted" });
  assert.deepEqual(
    [model?.router.settings().maxWaiting, model?.router.settings().queueDeadlineMs],
    [0, 1000],
  );
  assert.match(await answerOf(fleet, "m"), /^\d+$/);
});
