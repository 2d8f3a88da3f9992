/** Replays the buffer sizes that a real llama-server printed for small models and sets of options (scripts/llama-server-buffers.ts). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type TensorType, tensorTypeFacts } from "../src/core/tensor-type.ts";
import {
  configOfGguf,
  cpuDevice,
  findDevice,
  modelNamed,
  type Plan,
  type PlanRequest,
  parseModelConfig,
  parseStartCommand,
  plan,
  rulesOf,
  type StoredTensorFacts,
  translateStart,
  typedFlags,
} from "../src/planner/index.ts";

interface Shape {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: readonly (readonly [name: string, widths: readonly number[], type: TensorType])[];
}

/** MiB as printed, to two decimals; several lines of one kind added up. */
interface Printed {
  readonly model: number;
  readonly output: number;
  readonly kv: number;
  readonly state: number;
  readonly compute: number;
}

interface Case {
  readonly model: string;
  readonly options: string;
  readonly printed: Printed;
}

const file = join(import.meta.dirname, "fixtures/planner/llama-server.json");
const { models, cases }: { models: readonly Shape[]; cases: readonly Case[] } = JSON.parse(
  readFileSync(file, "utf8"),
);
const mib = 2 ** 20;

function storedTensor([name, widths, type]: Shape["tensors"][number]): StoredTensorFacts {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const numBytes = (widths.reduce((product, width) => product * width, 1) / weightsPerBlock) * bytesPerBlock;
  return { name, numBytes, type, shape: [...widths].reverse() };
}

function planned({ model, options }: Case): Plan {
  const shape = models.find(({ name }) => name === model);
  assert.ok(shape !== undefined, model);
  const hasHead = shape.tensors.some(([name]) => name === "output.weight");
  const config = configOfGguf(new Map(Object.entries(shape.metadata)), "Q8_0", hasHead);
  const request: PlanRequest = {
    model: parseModelConfig(model, config),
    tensors: shape.tensors.map(storedTensor),
    device: cpuDevice({ name: "this machine", totalBytes: 24e9, numProcessors: 2 }),
    usedBytes: 0,
    engine: "llama-server",
    version: null,
    flags: typedFlags(`${options} --fit off`.split(" "), rulesOf("llama-server").flags).flags,
    usage: "serve",
  };
  return plan(request);
}

function mibOf({ components }: Plan, name: string): number {
  return (components.find((part) => part.name === name)?.quantity.expectedBytes ?? 0) / mib;
}

/** Each printed line is rounded to a hundredth, and a case has at most three lines of a kind. */
const rounding = 0.016;

test("the fixture has at least thirty sets of shapes and options of at least four architectures", () => {
  const architectures = new Set(models.map(({ metadata }) => metadata["general.architecture"]));
  assert.ok(cases.length >= 30 && architectures.size >= 4, `${cases.length} ${architectures.size}`);
});

for (const model of models)
  test(`buffers of ${model.name}: weights, cache and states exact, compute within five hundredths`, () => {
    for (const own of cases.filter((one) => one.model === model.name)) {
      const answer = planned(own);
      const where = `${own.model} ${own.options}`;
      const { printed } = own;
      assert.ok(
        Math.abs(mibOf(answer, "weights") - printed.model) <= rounding,
        `${where}: weights ${mibOf(answer, "weights")}, printed ${printed.model}`,
      );
      assert.ok(
        Math.abs(mibOf(answer, "kvPool") - printed.kv) <= rounding,
        `${where}: cache ${mibOf(answer, "kvPool")}, printed ${printed.kv}`,
      );
      assert.ok(
        Math.abs(mibOf(answer, "state") - printed.state) <= rounding,
        `${where}: states ${mibOf(answer, "state")}, printed ${printed.state}`,
      );
      const compute = mibOf(answer, "workspace");
      assert.ok(
        Math.abs(compute / printed.compute - 1) <= 0.05,
        `${where}: compute ${compute}, printed ${printed.compute}`,
      );
      const output = Number(/output buffer size = ([\d.]+)/.exec(answer.expectedLog[0] ?? "")?.[1]);
      assert.ok(
        Math.abs(output - printed.output) <= rounding,
        `${where}: output ${output}, printed ${printed.output}`,
      );
    }
  });

/** Qwen2.5 3B, one card, build 4701, as SciSharp/LLamaSharp issue 1099 shows it. */
test("a public log of a card: cache, compute buffer and the processors' inputs to the hundredth", () => {
  const answer = plan({
    model: modelNamed("Qwen/Qwen2.5-3B-Instruct"),
    device: findDevice("RTX 4090"),
    usedBytes: 0,
    engine: "llama-server",
    version: "b4701",
    flags: { "ctx-size": "4096", "gpu-layers": "99" },
    usage: "serve",
  });
  assert.match(answer.expectedLog.join("\n"), /CUDA0: .*KV 144\.00 MiB, compute 300\.75 MiB/);
  assert.match(answer.expectedLog.join("\n"), /CPU: .*compute 12\.01 MiB/);
});

test("what does not fit is made smaller, the context first, then the layers", () => {
  const request: PlanRequest = {
    model: modelNamed("Qwen/Qwen2.5-3B-Instruct"),
    device: findDevice("RTX 3060"),
    usedBytes: 0,
    engine: "llama-server",
    version: null,
    flags: {},
    usage: "serve",
  };
  const shorter = plan({ ...request, usedBytes: 3.9 * 2 ** 30 });
  assert.equal(shorter.verdict.kind, "fits");
  assert.ok(
    Number(shorter.settings["ctx-size"]?.value) < 32768 && shorter.settings["gpu-layers"]?.value === 37,
  );
  const fewer = plan({ ...request, usedBytes: 8 * 2 ** 30 });
  assert.ok(fewer.settings["ctx-size"]?.value === 4096 && Number(fewer.settings["gpu-layers"]?.value) < 37);
  const stated = plan({
    ...request,
    usedBytes: 8 * 2 ** 30,
    flags: { "gpu-layers": "99", "ctx-size": "8192" },
  });
  assert.equal(stated.verdict.kind, "dies");
  assert.ok(stated.verdict.suggestions.length > 0);
});

test("what llama-server refuses is refused in its words", () => {
  const request = (flags: PlanRequest["flags"]): PlanRequest => ({
    model: modelNamed("Qwen/Qwen2.5-3B-Instruct"),
    device: findDevice("RTX 4090"),
    usedBytes: 0,
    engine: "llama-server",
    version: null,
    flags,
    usage: "serve",
  });
  const refusals = [
    [{ "flash-attn": "off", "cache-type-v": "q8_0" }, /requires Flash Attention/],
    [{ "cache-type-k": "fp8" }, /Unsupported cache type: fp8/],
    [{ "tensor-split": "a,b" }, /list of proportions/],
    [{ parallel: "0" }, /--parallel must be at least 1/],
  ] as const;
  for (const [flags, message] of refusals) assert.throws(() => plan(request(flags)), { message });
});

test("a command as it is pasted, and a translation there and back", () => {
  const text = "llama-server -hf Qwen/Qwen2.5-3B-Instruct -c 16384 -np 4 -ngl 99 -fa on --port 8080";
  const { engine, model, flags } = parseStartCommand(text);
  assert.deepEqual([engine, model], ["llama-server", "Qwen/Qwen2.5-3B-Instruct"]);
  const request: PlanRequest = {
    model: modelNamed(model),
    device: findDevice("RTX 4090"),
    usedBytes: 0,
    engine,
    version: null,
    flags,
    usage: "serve",
  };
  const there = translateStart(request, { engine: "vllm", version: null, keeps: "kv" });
  assert.equal(there.from.kv?.numTokens.expected, 16_384);
  assert.ok(Math.abs((there.to.kv?.numTokens.expected ?? 0) - 16_384) <= 16);
  const back = translateStart(
    { ...request, engine: "vllm", flags: there.flags },
    { engine: "llama-server", version: null, keeps: "kv" },
  );
  assert.ok(Math.abs((back.to.kv?.numTokens.expected ?? 0) - 16_384) <= 1024);
});
