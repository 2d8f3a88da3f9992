/** POST /admin/plan of the real application, with the real planner behind it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { findDevice, modelNamed, plan } from "../../planner/index.ts";
import { AccessControl, openAccess } from "../../server/access/access-control.ts";
import { buildApp } from "../../server/app.ts";
import { defaultConnectionLimits } from "../../server/connections/connection-ledger.ts";
import { ServerMetrics } from "../../server/metrics/server-metrics.ts";
import { ServedModels } from "../../server/models/served-models.ts";
import { RunningRequests } from "../../server/requests/running-requests.ts";
import { planService } from "./plan-service.ts";

function serverWith(planner: ReturnType<typeof planService> | null) {
  return buildApp({
    servedModels: new ServedModels(),
    running: new RunningRequests(),
    metrics: new ServerMetrics(() => 0),
    logger: pino({ level: "silent" }),
    version: "1.2.3",
    logprobCapacity: 1000,
    bodyCapacityBytes: 2 ** 24,
    bodyLimitBytes: 2 ** 22,
    connectionLimits: defaultConnectionLimits,
    access: new AccessControl(openAccess),
    cors: null,
    mostWaiting: null,
    tls: null,
    allowedHosts: null,
    ...(planner === null ? {} : { planner }),
  });
}

const app = serverWith(planService({ XDG_STATE_HOME: "/nowhere" }));
const ask = async (payload: object) => app.inject({ method: "POST", url: "/admin/plan", payload });

test("the answer is the plan, also while no model is loaded", async () => {
  const answer = await ask({
    model: "Qwen/Qwen2.5-14B-Instruct-AWQ",
    gpu: "RTX 4090",
    engine: "vllm@0.21",
    flags: { "gpu-memory-utilization": 0.9, "enforce-eager": true },
  });
  assert.equal(answer.statusCode, 200);
  const direct = plan({
    model: modelNamed("Qwen/Qwen2.5-14B-Instruct-AWQ"),
    device: findDevice("RTX 4090"),
    usedBytes: 0,
    engine: "vllm",
    version: "0.21",
    flags: { "gpu-memory-utilization": "0.9", "enforce-eager": true },
    usage: "serve",
  });
  assert.deepEqual(answer.json(), JSON.parse(JSON.stringify(direct)));
});

test("a model outside the catalogue comes with its config", async () => {
  const config = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 1024,
    intermediate_size: 2816,
    num_hidden_layers: 12,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    vocab_size: 32000,
    max_position_embeddings: 4096,
    torch_dtype: "bfloat16",
  };
  const answer = await ask({
    model: "mine",
    config,
    gpu_memory: "8GiB",
    engine: "lmdeploy",
    used_memory: "1GiB",
  });
  assert.equal(answer.statusCode, 200, answer.body);
  assert.equal(answer.json<{ model: string }>().model, "mine");
});

test("our own engine is planned for this machine, or for one of a stated size", async () => {
  const model = "Qwen/Qwen2.5-0.5B-Instruct";
  const here = await ask({ model, engine: "pagoda", flags: { memory: "1200MiB", quantization: "int4" } });
  assert.equal(here.statusCode, 200, here.body);
  const answer = here.json<{ budgetBytes: number; device: string; verdict: { kind: string } }>();
  assert.deepEqual(
    [answer.budgetBytes, answer.device, answer.verdict.kind],
    [1200 * 2 ** 20, "this machine", "fits"],
  );
  const small = await ask({ model, engine: "pagoda", gpu_memory: "300MiB" });
  assert.equal(small.json<{ verdict: { kind: string } }>().verdict.kind, "refused");
});

test("what is wrong is refused with what to change, and nothing is read from disk", async () => {
  const model = "Qwen/Qwen2.5-14B-Instruct-AWQ";
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ model }, /needs a card/],
    [{ model, gpu: "RTX 4091" }, /RTX 4090/],
    [{ model, gpu: "L4", gpu_mem: "24GiB" }, /no field 'gpu_mem'/],
    [{ model: "/etc/passwd", gpu: "L4" }, /catalogue/],
    [{ model, gpu: "L4", engine: "pagoda" }, /runs on processors, and NVIDIA L4 is a GPU/],
    [{ model, gpu: "L4", engine: "pagodas" }, /does not know the engine/],
    [{ model, gpu: "L4", flags: { "gpu-memory-utilisation": 0.9 } }, /gpu-memory-utilization/],
  ];
  for (const [body, message] of cases) {
    const answer = await ask(body);
    assert.ok(answer.statusCode === 400 || answer.statusCode === 404, answer.body);
    assert.match(answer.body, message);
  }
});

test("a server without a planner has no such path", async () => {
  const answer = await serverWith(null).inject({ method: "POST", url: "/admin/plan", payload: {} });
  assert.equal(answer.statusCode, 404);
});
