/** @module What the planner says of our own engine is what a start does: the same flags, the same bytes, the same refusals. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { grantedProcessors } from "../src/backend/create/index.ts";
import { planRequest } from "../src/cli/commands/plan/request.ts";
import { protectionOptions } from "../src/cli/options/protection-options.ts";
import { serverOptions } from "../src/cli/options/server-options.ts";
import { PagodaProcess } from "../src/cli/testing/pagoda-process.ts";
import { PagodaError } from "../src/core/errors.ts";
import type { MemoryReport } from "../src/core/memory-report.ts";
import { attributeOf } from "../src/core/options/option.ts";
import { readOptions } from "../src/core/options/read-options.ts";
import { engineOptions, prepareInstance, resolveSettings } from "../src/instance/index.ts";
import { pagodaFlags } from "../src/planner/engines/pagoda/flag-table.ts";
import { newestPagoda } from "../src/planner/engines/pagoda/start.ts";
import { type Plan, plan, typedFlags } from "../src/planner/index.ts";

const tiny = join(import.meta.dirname, "fixtures/tiny");

test("the planner's table of our flags is that of pagoda serve: names, aliases, and which take a value", () => {
  const registered = Object.values({ ...engineOptions, ...serverOptions, ...protectionOptions }).flatMap(
    ({ spellings, argument }) =>
      spellings.map(({ flag }) => `${flag.slice(2)} ${argument === null ? "switch" : "value"}`),
  );
  const known = pagodaFlags.flatMap(({ name, aliases = [], kind }) =>
    [name, ...aliases].map((flag) => `${flag} ${kind === "switch" ? "switch" : "value"}`),
  );
  assert.deepEqual(known.sort(), registered.sort());
});

test("the rules have the version of the package", () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));
  assert.equal(newestPagoda, version);
});

async function planned(model: string, words: readonly string[]): Promise<Plan> {
  const { flags } = typedFlags(words, pagodaFlags);
  const { request } = await planRequest({ model, engine: "pagoda", version: null, flags }, {});
  return plan(request);
}

async function prepared(model: string, words: readonly string[]) {
  const given: Record<string, string | boolean> = {};
  for (let at = 0; at < words.length; at += 2) given[attributeOf(words[at] ?? "")] = words[at + 1] ?? true;
  const settings = resolveSettings(readOptions(engineOptions, given, {}), grantedProcessors());
  return prepareInstance(model, settings, () => undefined);
}

const models = ["llama-gqa-rope-scaled", "gemma2", "gemma3", "phi3", "olmo2", "qwen3"];

const flagSets = [
  "--memory 400MiB",
  "--memory 1GiB --max-num-seqs 4",
  "--memory 1500MiB --max-num-seqs 100 --kv-cache-dtype int8",
  "--gpu-memory-utilization 0.05 --max-num-batched-tokens 64",
  "--cache-max-entry-count 0.3 --memory 450MiB",
  "--kv-cache-memory-bytes 3MiB --max-model-len 100",
  "--num-gpu-blocks-override 33 --block-size 32",
  "--max-kv-tokens 1000 --quant-policy 4",
  "--max-model-len auto --max-kv-tokens 48",
  "--quantization int4 --memory 500MiB --threads 1",
  "--quantization int8 --session-len 64 --max-batch-size 3",
  "--memory 350MiB --threads 3 --max-logprobs 64",
  "--max-num-seqs 1",
  "--memory 20MiB",
  "--max-model-len 100000",
  "--max-kv-tokens 16 --max-model-len 64",
  "--memory 900000GiB",
];

for (const model of models)
  test(`${model}: the plan is the start's, over ${flagSets.length} sets of flags`, async () => {
    for (const flags of flagSets) {
      const words = flags.split(" ");
      const folder = join(tiny, model);
      const start = await prepared(folder, words).catch((thrown: unknown) => thrown);
      const answer = await planned(folder, words).catch((thrown: unknown) => thrown);
      if (start instanceof PagodaError) {
        // A value that the start refuses is refused by the plan in the same words; too little memory is a verdict.
        const message = answer instanceof PagodaError ? answer.message : (answer as Plan).verdict.reason;
        const figures = (text: string) => text.replaceAll(/\d+\.\d+ GiB available/g, "available");
        assert.equal(figures(message), figures(start.message), flags);
        continue;
      }
      const { limits, footprint, runtimeBytes, budget } = (start as Awaited<ReturnType<typeof prepared>>)
        .plan;
      const { kv, components, budgetBytes, verdict } = answer as Plan;
      assert.equal(verdict.kind, "fits", flags);
      assert.equal(budgetBytes, budget.capBytes, flags);
      assert.deepEqual(
        [kv?.numBlocks.expected, kv?.blockSize, kv?.maxModelLen, kv?.dtype],
        [limits.numBlocks, limits.blockSize, limits.maxModelLen, limits.kvDtype],
        flags,
      );
      const bytes = (name: string): number =>
        components.find((component) => component.name === name)?.quantity.highBytes ?? 0;
      assert.deepEqual(
        ["runtime", "weights", "workspace", "kvPool", "tables"].map(bytes),
        [
          runtimeBytes,
          footprint.components.weights,
          footprint.components.workspace,
          footprint.components.kvPool,
          footprint.components.tables,
        ],
        flags,
      );
    }
  });

test("a server holds what its plan said", async (t) => {
  const model = join(tiny, "qwen3");
  const words = ["--memory", "420MiB", "--threads", "2", "--kv-cache-dtype", "int8"];
  const { components } = await planned(model, words);
  const pagoda = new PagodaProcess(t, ["serve", model, "--port", "0", ...words]);
  const url = await pagoda.ready();
  const report = (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
  for (const name of ["weights", "workspace", "kvPool", "tables"] as const)
    assert.equal(
      components.find((component) => component.name === name)?.quantity.expectedBytes,
      report.components.find((component) => component.name === name)?.actualBytes,
      name,
    );
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
