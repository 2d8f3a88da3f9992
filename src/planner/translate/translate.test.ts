/** Start commands are read as a shell reads them, and there and back the KV memory stays within one block. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStartCommand } from "../command/start-command.ts";
import { findDevice } from "../device/find-device.ts";
import { planOrNull } from "../engines/engines.ts";
import { modelNamed } from "../model/catalogue.ts";
import type { FlagValues, Plan, PlanRequest } from "../plan/plan.ts";
import { type Translation, translateStart } from "./translate.ts";

function requestOf(command: string, gpu: string, version: string | null = null): PlanRequest {
  const { engine, model, flags } = parseStartCommand(command);
  return {
    model: modelNamed(model),
    device: findDevice(gpu),
    usedBytes: 0,
    engine,
    version,
    flags,
    usage: "serve",
  };
}

function translated(command: string, to: string, gpu = "RTX 4090"): Translation {
  return translateStart(requestOf(command, gpu), { engine: to, version: null, keeps: "kv" });
}

const kvBytes = (plan: Plan): number => plan.kv?.available.expectedBytes ?? Number.NaN;

test("twins are kept, the rest is named, and the share has six digits or more", () => {
  const { command, dropped, kept, flags } = translated(
    "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ --gpu-memory-utilization 0.9 --max-num-seqs 64 --max-model-len 8192 --block-size 16 --swap-space 4 --kv-cache-dtype fp8",
    "lmdeploy",
  );
  const text = command.join(" ");
  assert.match(text, /--cache-max-entry-count 0\.\d{6,9}/);
  assert.match(text, /--max-batch-size 64/);
  assert.match(text, /--session-len 8192/);
  assert.match(text, /--cache-block-seq-len 64/);
  assert.equal(flags["quant-policy"], "int8");
  assert.deepEqual(
    dropped.map(({ flag }) => flag),
    ["--swap-space 4"],
  );
  assert.equal(kept.find(({ from }) => from === "--block-size 16")?.remark?.includes("64"), true);
});

test("what the target cannot have is said with both numbers", () => {
  const { notes } = translated(
    "lmdeploy serve api_server Qwen/Qwen2.5-7B-Instruct --cache-max-entry-count 0.995 --max-batch-size 8",
    "vllm",
  );
  assert.match(notes.join(" "), /cannot match it: \d+ bytes are wanted and .* gives \d+/);
});

test("the same KV may be more than the target can start with: then the largest share that does is named", () => {
  const { notes, to } = translated(
    "lmdeploy serve api_server Qwen/Qwen2.5-32B-Instruct-AWQ --cache-max-entry-count 0.9 --max-prefill-token-num 2048 --max-batch-size 16 --session-len 4096",
    "vllm",
  );
  assert.notEqual(to.verdict.kind, "fits");
  assert.match(
    notes.join(" "),
    /--gpu-memory-utilization 0\.\d\d surely starts there, with [1-9]\d* KV tokens/,
  );
});

const models = [
  "Qwen/Qwen2.5-7B-Instruct",
  "Qwen/Qwen2.5-14B-Instruct-AWQ",
  "meta-llama/Llama-3.1-8B-Instruct",
  "openai/gpt-oss-20b",
];
const cards = ["RTX 4090", "L4", "A100 80GB", "H100"];
const lmdeploys = [
  { version: null, backend: null },
  { version: "0.14.0", backend: null },
  { version: null, backend: "pytorch" },
] as const;

const backendFlags = (backend: string | null): FlagValues => (backend === null ? {} : { backend });

function commandOf(model: string, flags: FlagValues): string {
  const words = Object.entries(flags).map(([name, value]) =>
    value === true ? `--${name}` : `--${name} ${value}`,
  );
  return `vllm serve ${model} ${words.join(" ")}`;
}

test("there and back changes the KV by less than one block of either engine", () => {
  let numTried = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...models),
      fc.constantFrom(...cards),
      fc.constantFrom(...lmdeploys),
      fc.integer({ min: 600, max: 930 }),
      fc.constantFrom(
        {},
        { "max-num-seqs": "64" },
        { "max-num-batched-tokens": "4096" },
        { "enforce-eager": true as const },
      ),
      (model, card, lmdeploy, thousandths, extra) => {
        const share = String(thousandths / 1000);
        const start = requestOf(
          commandOf(model, { "gpu-memory-utilization": share, "max-model-len": "2048", ...extra }),
          card,
        );
        const first = planOrNull(start);
        if (first === null || kvBytes(first) < 2 ** 30) return;
        const there = translateStart(start, {
          engine: "lmdeploy",
          version: lmdeploy.version,
          flags: backendFlags(lmdeploy.backend),
          keeps: "kv",
        });
        if (there.notes.some((note) => note.includes("cannot match"))) return;
        const back = translateStart(
          { ...start, engine: "lmdeploy", version: lmdeploy.version, flags: there.flags },
          { engine: "vllm", version: null, keeps: "kv" },
        );
        numTried++;
        const change = Math.abs(kvBytes(back.to) - kvBytes(there.from));
        const block = Math.min(there.from.kv?.bytesPerBlock ?? 0, there.to.kv?.bytesPerBlock ?? 0);
        assert.ok(change < block, `${model} ${card} ${share}: ${change} bytes of ${block}`);
        const blocks = Math.abs(
          (back.to.kv?.numBlocks.expected ?? 0) - (there.from.kv?.numBlocks.expected ?? 0),
        );
        assert.ok(blocks <= 1, `${blocks} blocks`);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
  assert.ok(numTried > 30, `${numTried}`);
});

test("from LMDeploy and back, by each of its rules, the KV changes by less than one block", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...lmdeploys),
      fc.constantFrom("A100 80GB", "H100"),
      fc.integer({ min: 200, max: 700 }),
      ({ version, backend }, card, thousandths) => {
        const share = String(thousandths / 1000);
        const base = requestOf("lmdeploy serve api_server Qwen/Qwen2.5-7B-Instruct", card, version);
        const start = {
          ...base,
          flags: {
            ...(backend === null ? {} : { backend }),
            "cache-max-entry-count": share,
            "session-len": "4096",
          },
        };
        const there = translateStart(start, { engine: "vllm", version: null, keeps: "kv" });
        const back = translateStart(
          { ...start, engine: "vllm", version: null, flags: there.flags },
          { engine: "lmdeploy", version, flags: backendFlags(backend), keeps: "kv" },
        );
        assert.equal(back.to.rules, there.from.rules);
        const change = Math.abs(kvBytes(back.to) - kvBytes(there.from));
        assert.ok(change < (there.from.kv?.bytesPerBlock ?? 0), `${share}: ${change} bytes`);
      },
    ),
    { numRuns: 40, seed: 7 },
  );
});

test("lengths that vLLM reads as 8k or 2K are written in digits for an engine that does not", () => {
  const typed = "vllm serve Qwen/Qwen2.5-0.5B-Instruct --max-model-len 8k --max-num-batched-tokens 2K";
  const { flags } = translated(typed, "lmdeploy");
  assert.deepEqual([flags["session-len"], flags["max-prefill-token-num"]], ["8000", "2048"]);
});
