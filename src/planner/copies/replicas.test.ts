/** Copies of one start: every printed command is planned again as a shell and the engine would read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { commandText } from "../command/shell-words.ts";
import { parseStartCommand } from "../command/start-command.ts";
import { findDevice } from "../device/find-device.ts";
import { modelNamed } from "../model/catalogue.ts";
import type { FlagValues } from "../plan/flag.ts";
import type { PlanRequest } from "../plan/plan.ts";
import { plan } from "../search/plan.ts";
import { compareReplicas, compareSentence } from "./compare.ts";
import { planReplicas } from "./replicas.ts";
import { startInOrder, starts } from "./starts-in-order.ts";

interface Copies {
  readonly engine: string;
  readonly version?: string;
  readonly model: string;
  readonly gpu: string;
  readonly wanted: number;
  readonly flags?: FlagValues;
}

function requestOf({ engine, version, model, gpu, flags }: Copies): PlanRequest {
  return {
    model: modelNamed(model),
    device: findDevice(gpu),
    usedBytes: 0,
    engine,
    version: version ?? null,
    flags: flags ?? {},
    usage: "serve",
  };
}

const small = "Qwen/Qwen2.5-7B-Instruct-AWQ";
const cases: readonly Copies[] = [
  { engine: "vllm", model: small, gpu: "A100 80GB", wanted: 4 },
  { engine: "vllm", version: "0.9.2", model: small, gpu: "A100 80GB", wanted: 4 },
  { engine: "vllm", version: "0.6.6", model: small, gpu: "L40S", wanted: 2 },
  { engine: "vllm", model: "Qwen/Qwen2.5-0.5B", gpu: "RTX 4090", wanted: 8, flags: { "max-num-seqs": "16" } },
  {
    engine: "vllm",
    version: "0.11",
    model: small,
    gpu: "L4",
    wanted: 3,
    flags: { gpu_memory_utilization: "0.5" },
  },
  { engine: "lmdeploy", model: small, gpu: "A100 80GB", wanted: 3 },
  { engine: "lmdeploy", version: "0.14.0", model: small, gpu: "A100 80GB", wanted: 3 },
  { engine: "lmdeploy", model: small, gpu: "A100 80GB", wanted: 3, flags: { backend: "pytorch" } },
  { engine: "lmdeploy", model: "Qwen/Qwen2.5-14B-Instruct-AWQ", gpu: "RTX 4090", wanted: 2 },
];

for (const copies of cases)
  test(`${copies.wanted} copies of ${copies.engine}@${copies.version ?? "newest"} on ${copies.gpu}, ${JSON.stringify(copies.flags ?? {})}`, () => {
    const request = requestOf(copies);
    const { ways } = planReplicas(request, copies.wanted);
    assert.ok(ways.length > 0);
    for (const way of ways) {
      assert.ok(way.commands.length === 1 || way.commands.length === copies.wanted);
      const read = Array.from({ length: copies.wanted }, (_, place) => {
        const { engine, flags, model } = parseStartCommand(
          commandText(way.commands[place] ?? way.commands[0] ?? []),
        );
        assert.equal(model, request.model.name);
        return { ...request, engine, flags };
      });
      const instances = startInOrder(read, 0);
      assert.ok(
        instances.every(({ plan }) => starts(plan)),
        way.why,
      );
      assert.deepEqual(
        instances.map(({ plan }) => plan.kv?.numTokens.expected),
        way.kvTokens,
      );
      const held = instances.reduce((total, instance) => total + instance.heldBytes, 0);
      assert.ok(held <= request.device.total.expectedBytes, `${held} bytes on the card`);
    }
    const [best] = ways;
    assert.equal(new Set(best?.kvTokens).size, 1, "the best way gives every copy the same");
  });

test("a share that is copied gives each LMDeploy less; the smallest and the largest that let all start bound it", () => {
  const request = requestOf({ engine: "lmdeploy", model: small, gpu: "A100 80GB", wanted: 3 });
  const [, smallest, largest] = planReplicas(request, 3).ways;
  const shareIn = (words: readonly (readonly string[])[] = []): number =>
    Number(/--cache-max-entry-count (\S+)/.exec(words[0]?.join(" ") ?? "")?.[1]);
  const [low, high] = [shareIn(smallest?.flags), shareIn(largest?.flags)];
  assert.ok(low < high);
  for (const answer of [smallest, largest]) {
    const tokens = answer?.kvTokens ?? [];
    assert.deepEqual(
      tokens,
      tokens.toSorted((a, b) => b - a),
    );
  }
  const beyond = { ...request, flags: { "cache-max-entry-count": (high + 0.01).toFixed(2) } };
  assert.ok(planReplicas(beyond, 3).numStarted < 3);
});

test("one large and several small are compared where both start, and what was changed is said", () => {
  for (const engine of ["vllm", "lmdeploy"]) {
    const request = requestOf({ engine, model: "Qwen/Qwen2.5-0.5B", gpu: "RTX 4090", wanted: 4 });
    const arrangements = compareReplicas(request, 4, 16, 2048);
    assert.ok(arrangements.every((arrangement) => arrangement.starts));
    const [one, many] = arrangements;
    assert.deepEqual(one.changes, []);
    assert.ok(many.changes.length > 0);
    assert.match(compareSentence(arrangements), /^1 × 16 decodes an estimated \d+ % faster/);
  }
});

test("copies that cannot start together have no way, and none is made up", () => {
  const request = requestOf({
    engine: "vllm",
    model: "Qwen/Qwen2.5-32B-Instruct-AWQ",
    gpu: "RTX 4090",
    wanted: 3,
  });
  assert.deepEqual(planReplicas(request, 3).ways, []);
});

/** vLLM's issues 14376 and 19125: two instances on one L40S, V1 before and after its pull request 18974. */
test("V1 before 0.9.1 bills what others hold: equal shares do not start twice, growing ones do", () => {
  const request = (version: string, share: string): PlanRequest => ({
    model: modelNamed("meta-llama/Llama-3.2-1B-Instruct"),
    device: findDevice("L40S"),
    usedBytes: 0,
    engine: "vllm",
    version,
    flags: { "max-model-len": "1024", "gpu-memory-utilization": share },
    usage: "serve",
  });
  for (const share of ["0.2", "0.3"]) {
    assert.equal(planReplicas(request("0.8.5", share), 2).numStarted, 1, share);
    assert.equal(planReplicas(request("0.9.0", share), 2).numStarted, 1, share);
    assert.equal(planReplicas(request("0.9.1", share), 2).numStarted, 2, share);
  }
  const [first] = planReplicas(request("0.8.5", "0.2"), 2).instances;
  const second = plan({ ...request("0.8.5", "0.3"), usedBytes: first?.heldBytes ?? 0 });
  assert.ok(["fits", "uncertain"].includes(second.verdict.kind), second.verdict.kind);
  const [way] = planReplicas(request("0.8.5", "0.2"), 2).ways;
  assert.equal(
    way?.instances.every(({ plan: { verdict } }) => verdict.kind === "fits"),
    true,
  );
  const shares = way?.flags.map((flags) => Number(/utilization ([\d.]+)/.exec(flags.join(" "))?.[1])) ?? [];
  assert.ok((shares[1] ?? 0) > (shares[0] ?? 1), shares.join());
});
