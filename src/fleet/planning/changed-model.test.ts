/** A change that was suggested after a failed start, in the words of the fleet file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import type { ModelSpec } from "../desired/fleet-spec.ts";
import { scriptedModel } from "../testing/scripted-fleet.ts";
import { changedModel } from "./changed-model.ts";

const changed = (more: Partial<Omit<ModelSpec, "replicas">>, flags: readonly string[], isPlanned = true) => {
  const { spec } = scriptedModel({ name: "m", engine: "vllm", ...more });
  const { flags: words, memory } = changedModel(spec, { flags, why: "" }, isPlanned) ?? spec;
  return { flags: words, memory };
};

test("a flag is replaced, added or taken away, in either of its forms", () => {
  const flags = { "max-model-len": "8192", "enable-sleep-mode": true };
  assert.deepEqual(changed({ flags }, ["--max-model-len 4096", "without --enable-sleep-mode"]).flags, {
    "max-model-len": "4096",
  });
  assert.deepEqual(changed({ flags: { x: true } }, ["--no-x"]).flags, { "no-x": true });
  assert.deepEqual(changed({ flags: {} }, ["--enforce-eager"]).flags, { "enforce-eager": true });
});

test("a flag of the size is changed where the file states the size", () => {
  const bytes = { kind: "bytes", bytes: 700 * mib } as const;
  const own = changed({ engine: "pagoda", memory: bytes }, ["--memory 584MiB"]);
  assert.deepEqual(own, { flags: {}, memory: { kind: "bytes", bytes: 584 * mib } });
  const share = { "gpu-memory-utilization": "0.5" };
  assert.deepEqual(changed({ memory: bytes }, ["--gpu-memory-utilization 0.5"]).memory, {
    kind: "flags",
    flags: share,
  });
  assert.deepEqual(
    changed({ memory: { kind: "flags", flags: share } }, ["without --gpu-memory-utilization"]),
    {
      flags: {},
      memory: null,
    },
  );
  // A size that nobody plans is believed; the engine's own flags state the pool.
  assert.deepEqual(changed({ memory: bytes }, ["--gpu-memory-utilization 0.5"], false), {
    flags: share,
    memory: bytes,
  });
});

test("another model than the file's is never taken", () => {
  const { spec } = scriptedModel({ name: "m" });
  assert.equal(changedModel(spec, { flags: [], model: { from: "m", to: "n" }, why: "" }, true), null);
});
