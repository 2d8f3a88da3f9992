/** Logs in the engines' formats, V0 to one-line V1 and both LMDeploy engines: what is read, why it failed, what would fit. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { findDevice } from "../device/find-device.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { lookUpModel } from "../model/catalogue.ts";
import { gib } from "../quantity/bytes.ts";
import { plan } from "../search/plan.ts";
import { type Explanation, explainLog } from "./explanation.ts";
import { measuredStart } from "./measured-start.ts";
import { readLog } from "./read-log.ts";

const folder = join(import.meta.dirname, "../../../tests/fixtures/planner/logs");
const textOf = (name: string): string => readFileSync(join(folder, `${name}.txt`), "utf8");

function contextOf(facts: LogFacts, gpu: string) {
  const model = facts.model === null ? null : lookUpModel(facts.model);
  return { model, device: findDevice(gpu), version: null, flags: {} };
}

function explained(name: string, gpu: string): Explanation {
  const facts = readLog(textOf(name));
  return explainLog(facts, contextOf(facts, gpu));
}

const flagsOf = ({ changes }: Explanation): string[] => changes.map(({ flags }) => flags.join(" "));
const near = (bytes: number | undefined, gibibytes: number): void =>
  assert.ok(bytes !== undefined && Math.abs(bytes / gib - gibibytes) < 0.006, `${(bytes ?? 0) / gib} GiB`);

interface Expected {
  readonly log: string;
  readonly engine: string;
  readonly runner: string | null;
  readonly version: string | null;
  readonly kind: string | null;
  readonly figures?: Readonly<Record<string, number>>;
  readonly counts?: Readonly<Record<string, number>>;
}

const expectations: readonly Expected[] = [
  {
    log: "vllm-0.8.2-v0-t4",
    engine: "vllm",
    runner: "V0",
    version: "0.8.2",
    kind: null,
    figures: {
      total: 14.74,
      weights: 6.016,
      persistent: 0.05,
      activations: 0.9,
      availableKv: 6.22,
      capturedGraphs: 0.17,
    },
    counts: { numBlocks: 3637, numCpuBlocks: 1170, concurrency: 28.41, maxModelLen: 2048 },
  },
  {
    log: "vllm-0.6.3-v0-3090",
    engine: "vllm",
    runner: "V0",
    version: "0.6.3.post1",
    kind: null,
    figures: { total: 23.58, weights: 14.9888, persistent: 0.35, availableKv: 3.81 },
    counts: { numBlocks: 1952, maxModelLen: 20000 },
  },
  {
    log: "vllm-0.7.3-v0-too-long",
    engine: "vllm",
    runner: "V0",
    version: "0.7.3",
    kind: "requestTooLong",
    figures: { availableKv: 5.43, activations: 1.44 },
    counts: { maxModelLen: 131072, suggestedLen: 101664 },
  },
  {
    log: "vllm-0.9.2-v1-a100",
    engine: "vllm",
    runner: "V1",
    version: "0.9.2",
    kind: null,
    figures: { weights: 15.2683, availableKv: 18.69, capturedGraphs: 2.24 },
    counts: { numTokens: 136080, concurrency: 3.32, maxModelLen: 40960 },
  },
  {
    log: "vllm-0.19.0-llama-8b-h100",
    engine: "vllm",
    runner: "V1",
    version: "0.19.0",
    kind: null,
    figures: {
      total: 79.19,
      freeAtStart: 78.66,
      requested: 75.23,
      activations: 1.89,
      persistent: 0.24,
      availableKv: 58.11,
    },
    counts: { numTokens: 476016 },
  },
  {
    log: "vllm-0.19.1-14b-awq-a10g",
    engine: "vllm",
    runner: "V1",
    version: "0.19.1",
    kind: "requestTooLong",
    figures: { weights: 9.38, availableKv: 0.18, neededKv: 3 },
    counts: { suggestedLen: 976, maxModelLen: 16384 },
  },
  {
    log: "vllm-0.27.1-free-memory",
    engine: "vllm",
    runner: "V1",
    version: "0.27.1",
    kind: "freeMemoryAtStart",
    figures: { freeAtStart: 21.9, total: 23.55, requested: 22.14 },
  },
  { log: "vllm-0.27.1-load-oom", engine: "vllm", runner: "V1", version: "0.27.1", kind: "weights" },
  { log: "vllm-0.8.5-sampler-oom", engine: "vllm", runner: "V1", version: "0.8.5", kind: "sampler" },
  {
    log: "vllm-0.32.0-started",
    engine: "vllm",
    runner: "V1",
    version: "0.32.0",
    kind: null,
    // The peak of the last line holds the charged estimate: 1.46 − 0.40.
    figures: {
      consumed: 1,
      activations: 1.06,
      graphs: 0.4,
      capturedGraphs: 0.38,
      availableKv: 11.54,
      persistent: 0.07,
    },
    counts: { numTokens: 1008400, maxModelLen: 32768, concurrency: 30.77 },
  },
  {
    log: "lmdeploy-32b-awq-24g",
    engine: "lmdeploy",
    runner: "TurboMind from 0.15",
    version: null,
    kind: "activations",
    figures: { free: 4818.07 / 1024, availableKv: 3854.45 / 1024 },
    counts: { bytesPerBlock: 16777216 },
  },
  {
    log: "lmdeploy-legacy-truncated",
    engine: "lmdeploy",
    runner: "TurboMind 0.2.2 to 0.14",
    version: null,
    kind: null,
    counts: { numBlocks: 1740, numTokens: 111360, maxModelLen: 111360 },
  },
  { log: "lmdeploy-weights-oom", engine: "lmdeploy", runner: null, version: null, kind: "weights" },
  {
    log: "lmdeploy-pytorch-no-kv",
    engine: "lmdeploy",
    runner: "PyTorch engine",
    version: null,
    kind: "noKvMemory",
    figures: { free: 4871 / 1024 },
  },
  {
    log: "lmdeploy-pytorch-started",
    engine: "lmdeploy",
    runner: "PyTorch engine",
    version: null,
    kind: null,
    figures: { free: 7953 / 1024, runtime: 1033 / 1024 },
    counts: { numBlocks: 1342, numTokens: 1341 * 64 },
  },
  {
    log: "lmdeploy-status-11",
    engine: "lmdeploy",
    runner: "TurboMind from 0.15",
    version: null,
    kind: "serving",
  },
];

test("every log style is read: engine, runner, version, figures, counts, failure", () => {
  assert.deepEqual(expectations.map(({ log }) => `${log}.txt`).sort(), readdirSync(folder).sort());
  for (const expected of expectations) {
    const facts = readLog(textOf(expected.log));
    const { engine, runner, version, failure } = facts;
    assert.deepEqual(
      { engine, runner, version, kind: failure?.kind ?? null },
      { engine: expected.engine, runner: expected.runner, version: expected.version, kind: expected.kind },
      expected.log,
    );
    assert.equal(facts.hasStarted, expected.kind === null, expected.log);
    const figures = Object.entries(facts.figures);
    for (const [name, value] of Object.entries(expected.figures ?? {}))
      near(figures.find(([key]) => key === name)?.[1]?.expectedBytes, value);
    for (const [name, value] of Object.entries(expected.counts ?? {}))
      assert.equal(
        Object.entries(facts.counts).find(([key]) => key === name)?.[1],
        value,
        `${expected.log} ${name}`,
      );
  }
});

test("32B 4-bit on 24 GB with LMDeploy: activation headroom is missing, not KV, and the flags are named", () => {
  const explanation = explained("lmdeploy-32b-awq-24g", "RTX 4090");
  assert.equal(explanation.outcome, "died");
  assert.equal(explanation.cause.missing, "activations");
  assert.match(explanation.cause.sentences.join(" "), /headroom is missing, not KV/);
  const [first = "", second = ""] = flagsOf(explanation);
  assert.match(first, /^--max-prefill-token-num \d+ --max-batch-size \d+$/);
  assert.match(second, /^--max-prefill-token-num \d+$/);
  assert.equal(explanation.changes.length, 3);
});

test("every change that is offered fits by the engine's own rules, and the next milder step does not", () => {
  const facts = readLog(textOf("lmdeploy-32b-awq-24g"));
  const measured = measuredStart(facts, contextOf(facts, "RTX 4090"));
  assert.ok(measured !== null);
  const verdict = (flags: Record<string, string>): string =>
    plan({ ...measured.request, measured: measured.parts, flags: { ...measured.request.flags, ...flags } })
      .verdict.kind;
  assert.notEqual(verdict({}), "fits");
  const { changes } = explained("lmdeploy-32b-awq-24g", "RTX 4090");
  const share = changes
    .flatMap(({ flags }) => flags)
    .find((flag) => flag.startsWith("--cache-max-entry-count"));
  const value = Number(share?.split(" ")[1]);
  assert.equal(verdict({ "cache-max-entry-count": value.toFixed(2) }), "fits");
  assert.notEqual(verdict({ "cache-max-entry-count": (value + 0.01).toFixed(2) }), "fits");
});

test("a request that is too long: vLLM's own suggestion comes first", () => {
  assert.equal(flagsOf(explained("vllm-0.19.1-14b-awq-a10g", "A10G"))[0], "--max-model-len 976");
  assert.equal(flagsOf(explained("vllm-0.7.3-v0-too-long", "RTX 4090"))[0], "--max-model-len 101664");
});

test("the length in the engine's own sentence is that of the start, where no command stands in the log (vLLM 10517)", () => {
  const log = [
    "Loading model weights took 14.9888 GB",
    "Memory profiling results: total_gpu_memory=23.58GiB initial_memory_usage=15.34GiB peak_torch_memory=17.98GiB memory_usage_post_profile=15.35GiB non_torch_memory=0.35GiB kv_cache_size=2.89GiB gpu_memory_utilization=0.90",
    "# GPU blocks: 1478, # CPU blocks: 2048",
    "Maximum concurrency for 29000 tokens per request: 0.82x",
    "The model's max seq len (29000) is larger than the maximum number of tokens that can be stored in KV cache (23648). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
  ].join("\n");
  const explanation = explainLog(readLog(log), {
    model: lookUpModel("meta-llama/Llama-3.1-8B-Instruct"),
    device: findDevice("RTX 3090"),
    version: "0.6.4",
    flags: {},
  });
  const planned = (name: string): number | undefined =>
    explanation.components.find((part) => part.name === name)?.planned?.expectedBytes;
  // A forward pass of 29,000 tokens, and not one of the 2,048 of a chunk.
  assert.ok((planned("activations") ?? 0) > 2.5 * gib);
  assert.ok(!explanation.notes.some((note) => note.includes("by the planned layers")));
});

test("too little free at the start: a share that is free; too large weights: more cards", () => {
  const busy = explained("vllm-0.27.1-free-memory", "RTX 4090");
  assert.equal(busy.cause.missing, "freeMemory");
  const share = Number(/--gpu-memory-utilization ([\d.]+)/.exec(flagsOf(busy)[0] ?? "")?.[1]);
  assert.ok(share * 23.55 <= 21.9 && share > 0.85, `${share}`);
  const heavy = explained("vllm-0.27.1-load-oom", "RTX 4090");
  assert.equal(heavy.cause.missing, "weights");
  assert.equal(flagsOf(heavy)[0], "--tensor-parallel-size 4");
});

test("the sum of what a log leaves unstated is taken from its own budget", () => {
  const facts = readLog(textOf("vllm-0.19.1-14b-awq-a10g"));
  const measured = measuredStart(facts, contextOf(facts, "A10G"));
  assert.ok(measured !== null);
  const again = plan({ ...measured.request, measured: measured.parts });
  near(again.kv?.available.expectedBytes, 0.18);
  assert.equal(measured.parts.activations?.evidence.kind, "measured");
});

test("an out-of-memory of PyTorch is put into its phase by the traceback", () => {
  const oom =
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB. GPU 0 has a total capacity of 23.55 GiB of which 512.00 MiB is free.";
  const at = (...frames: string[]): string | undefined =>
    readLog(
      [
        "INFO vLLM API server version 0.10.2",
        ...frames.map((name) => `  File "worker.py", line 1, in ${name}`),
        oom,
      ].join("\n"),
    ).failure?.kind;
  assert.equal(at("load_model", "create_weights"), "weights");
  assert.equal(at("determine_available_memory", "profile_run", "_dummy_run"), "activations");
  assert.equal(at("profile_run", "_dummy_sampler_run"), "sampler");
  assert.equal(at("compile_or_warm_up_model", "capture_model"), "graphCapture");
  assert.equal(at("execute_model"), "serving");
  near(readLog(`vLLM\n${oom}`).figures.total?.expectedBytes, 23.55);
});

test("a text that is no log, and a log without a known model, are said to be so", () => {
  assert.throws(
    () => readLog("hello\nworld"),
    (error) => error instanceof PagodaError && error.code === "plan_invalid",
  );
  const facts = readLog(textOf("lmdeploy-pytorch-started"));
  const explanation = explainLog(facts, { model: null, device: null, version: null, flags: {} });
  assert.equal(explanation.plan, null);
  assert.match(explanation.notes.join(" "), /--model/);
  assert.match(explanation.notes.join(" "), /--gpu/);
});

test("a setting the engine refuses comes with the one it takes", () => {
  const log = [
    "INFO 08-30 [core.py:109] Initializing a V1 LLM engine (v0.27.1) with config: model='Qwen/Qwen3-8B', tensor_parallel_size=3, max_seq_len=8192",
    "ValueError: Total number of attention heads (32) must be divisible by tensor parallel size (3).",
  ].join("\n");
  const facts = readLog(log);
  const explanation = explainLog(facts, contextOf(facts, "H100"));
  assert.equal(explanation.cause.missing, "setting");
  assert.match(explanation.notes.join(" "), /divisible by tensor parallel size \(3\)\. Use tp 2/);
});

test("older wordings, and what stands around a log: no version, nvidia-smi, PyTorch before 2.1", () => {
  const old = readLog(
    [
      "|   0  NVIDIA GeForce RTX 3090        Off | 00000000:01:00.0 Off |                  N/A |",
      "INFO 01-10 12:00:00 llm_engine.py:72] Initializing an LLM engine with config: model='baichuan-inc/Baichuan2-7B-Chat', tokenizer='baichuan-inc/Baichuan2-7B-Chat', dtype=torch.bfloat16, max_seq_len=4096, tensor_parallel_size=2, quantization=None, enforce_eager=False, seed=0)",
      "INFO 01-10 12:00:31 llm_engine.py:275] # GPU blocks: 7095, # CPU blocks: 512",
    ].join("\n"),
  );
  assert.equal(old.runner, "V0");
  assert.equal(old.gpu, "NVIDIA GeForce RTX 3090");
  assert.equal(old.model, "baichuan-inc/Baichuan2-7B-Chat");
  assert.deepEqual(old.flags, { "max-model-len": "4096", "tensor-parallel-size": "2" });
  assert.equal(old.counts.numBlocks, 7095);
  const died = readLog(
    "vLLM\ntorch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 23.65 GiB total capacity; 22.80 GiB already allocated; 8.06 MiB free)",
  );
  near(died.figures.total?.expectedBytes, 23.65);
  const typed = readLog("vLLM\nINFO Chunked prefill is enabled with max_num_batched_tokens=2048.");
  assert.equal(typed.flags["max-num-batched-tokens"], "2048");
});

test("a warm-up that died where the estimate fits: the estimate gives way to the log", () => {
  const text = textOf("lmdeploy-32b-awq-24g")
    .replace("max_prefill_token_num=8192", "max_prefill_token_num=2048")
    .replace("max_batch_size=128", "max_batch_size=16");
  const facts = readLog(text);
  const context = contextOf(facts, "RTX 4090");
  const measured = measuredStart(facts, context);
  assert.ok(measured !== null);
  assert.equal(measured.planned.verdict.kind, "fits");
  const explanation = explainLog(facts, context);
  assert.notEqual(explanation.plan?.verdict.kind, "fits");
  assert.ok(explanation.changes.length > 0);
  const prefill = Number(/--max-prefill-token-num (\d+)/.exec(flagsOf(explanation).join(" "))?.[1]);
  assert.ok(prefill < 2048, `${prefill}`);
});
