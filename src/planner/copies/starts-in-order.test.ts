/** Different commands on one card, in start order and at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findDevice } from "../device/find-device.ts";
import { modelNamed } from "../model/catalogue.ts";
import type { FlagValues, PlanRequest } from "../plan/plan.ts";
import { planReplicas } from "./replicas.ts";
import { planInstances } from "./starts-in-order.ts";

function request(engine: string, model: string, flags: FlagValues): PlanRequest {
  return {
    model: modelNamed(model),
    device: findDevice("RTX 4090"),
    usedBytes: 0,
    engine,
    version: null,
    flags,
    usage: "serve",
  };
}

const half = (share: string): PlanRequest =>
  request("vllm", "Qwen/Qwen2.5-0.5B", { "gpu-memory-utilization": share, "max-model-len": "2048" });

test("each finds what the earlier ones hold; one that fails holds nothing and the next is tried", () => {
  const { instances, firstFailure, takenBytes } = planInstances([half("0.6"), half("0.6"), half("0.25")]);
  assert.equal(firstFailure, 1);
  const [first, second, third] = instances;
  assert.equal(second?.usedBytes, first?.heldBytes);
  assert.equal(second?.heldBytes, 0);
  assert.match(second?.plan.verdict.engineMessage ?? "", /^Free memory on device/);
  assert.equal(third?.usedBytes, first?.heldBytes);
  assert.equal(third?.plan.verdict.kind, "fits");
  assert.equal(takenBytes, (first?.heldBytes ?? 0) + (third?.heldBytes ?? 0));
});

test("one that may start holds its cap: the next has to fit beside it", () => {
  const shares = Array.from({ length: 12 }, (_, at) => (0.955 + at * 0.002).toFixed(3));
  const unsure = shares.find(
    (share) => planInstances([half(share)]).instances[0]?.plan.verdict.kind === "uncertain",
  );
  assert.ok(unsure !== undefined, "no share of the card is uncertain");
  const [first, second] = planInstances([half(unsure), half("0.25")]).instances;
  assert.ok((first?.heldBytes ?? 0) > 0.9 * 23 * 2 ** 30);
  assert.equal(second?.usedBytes, first?.heldBytes);
  assert.equal(second?.plan.verdict.kind, "refused");
});

test("LMDeploy after vLLM takes a share of the rest, before it leaves vLLM too little", () => {
  const lmdeploy = request("lmdeploy", "Qwen/Qwen2.5-0.5B", { backend: "turbomind", "max-batch-size": "16" });
  assert.equal(planInstances([half("0.4"), lmdeploy]).firstFailure, null);
  assert.equal(planInstances([lmdeploy, half("0.4")]).firstFailure, 1);
});

test("at once a start is billed for its neighbours, and dies of it where its share is close", () => {
  const large = request("vllm", "Qwen/Qwen2.5-7B-Instruct-AWQ", {
    "gpu-memory-utilization": "0.4",
    "max-model-len": "2048",
    "max-num-seqs": "64",
  });
  const { firstFailure, atOnce } = planInstances([large, large]);
  assert.equal(firstFailure, null);
  assert.deepEqual(
    atOnce.map(({ starts }) => starts),
    [false, false],
  );
  assert.match(atOnce[0]?.why ?? "", /may be billed [\d.]+ GiB of the others/);
});

test("instances that all start sum to at most the card, and equal commands agree with replicas", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("0.15", "0.22", "0.3", "0.45"), { minLength: 1, maxLength: 4 }),
      (shares) => {
        const requests = shares.map(half);
        const { takenBytes } = planInstances(requests);
        assert.ok(takenBytes <= (requests[0]?.device.total.highBytes ?? 0));
        const [share = ""] = shares;
        const same = planInstances(shares.map(() => half(share)));
        const { numStarted } = planReplicas(half(share), shares.length);
        assert.equal(same.firstFailure ?? shares.length, numStarted);
      },
    ),
    { numRuns: 20 },
  );
});
