/** What adapters and drafting add to a start of LMDeploy's PyTorch engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findDevice } from "../../../device/find-device.ts";
import { modelNamed } from "../../../model/catalogue.ts";
import type { FlagValues, Plan } from "../../../plan/plan.ts";
import { plan } from "../../../search/plan.ts";

function planned(model: string, flags: FlagValues): Plan {
  return plan({
    model: modelNamed(model),
    device: findDevice("H100"),
    usedBytes: 0,
    engine: "lmdeploy",
    version: null,
    flags: { backend: "pytorch", ...flags },
    usage: "serve",
  });
}

function weightsOf(answer: Plan): number {
  return answer.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
}

const target = "meta-llama/Llama-3.1-8B-Instruct";

test("the block of a draft model is added to the target's, and its weights to the rank's", () => {
  const draft = "meta-llama/Llama-3.2-1B-Instruct";
  const [plain, alone] = [planned(target, {}), planned(draft, {})];
  const drafted = planned(target, { "speculative-algorithm": "eagle", "speculative-draft-model": draft });
  assert.equal(drafted.kv?.bytesPerBlock, (plain.kv?.bytesPerBlock ?? 0) + (alone.kv?.bytesPerBlock ?? 0));
  assert.equal(weightsOf(drafted), weightsOf(plain) + weightsOf(alone));
});

test("an EAGLE head without a configuration is shaped after the target; an unknown algorithm is refused", () => {
  const plain = planned(target, {});
  const drafted = planned(target, { "speculative-algorithm": "eagle3", "speculative-draft-model": "a/b" });
  assert.equal(drafted.kv?.bytesPerBlock, ((plain.kv?.bytesPerBlock ?? 0) / 32) * 33);
  assert.throws(() => planned(target, { "speculative-algorithm": "eagle4" }), { hint: /nearest is eagle/ });
});

test("adapters widen the weights; TurboMind passes them on and says so", () => {
  const flags = { adapters: "a=./one b=./two" };
  const [plain, adapted] = [planned(target, {}), planned(target, flags)];
  const matrices = 3 * 4096 + 4096 + 2 * 1024 + 2 * 4096 + (2 * 4096 + 2 * 14_336) + (14_336 + 4096);
  assert.equal(weightsOf(adapted) - weightsOf(plain), 2 * 16 * 2 * 32 * matrices);
  const passed = planned(target, { ...flags, backend: "turbomind" });
  assert.match(passed.warnings.join(), /--adapters is passed on/);
});
