/** @module Budgets through the command line: every dialect in both spellings, and suggestions that hold when copied. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PagodaProcess, runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";
import type { MemoryReport } from "../../src/core/memory-report.ts";
import { readDeviceMemory } from "../../src/instance/index.ts";

/** Starts with `flags`, reads what came of them, and stops. */
async function reportOf(t: TestContext, flags: string): Promise<MemoryReport> {
  const pagoda = new PagodaProcess(t, [
    "serve",
    tinyModel,
    "--port",
    "0",
    "--threads",
    "1",
    ...flags.split(" "),
  ]);
  const url = await pagoda.ready();
  const report = (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
  return report;
}

const numBlocks = ({ blocks }: MemoryReport): number => blocks.numTotal;
const capBytes = ({ budget }: MemoryReport): number | null => budget.capBytes;

const dialects: readonly [string, string, (report: MemoryReport) => number | null, number?][] = [
  ["--num-gpu-blocks-override 40", "--num-gpu-blocks 40", numBlocks, 40],
  ["--max-kv-tokens 1000 --block-size 32", "--max-kv-tokens 1000 --cache-block-seq-len 32", numBlocks, 32],
  [
    "--kv-cache-memory-bytes 2m --kv-cache-dtype int8 --max-model-len 100",
    "--kv-cache-memory-bytes 2000000 --quant-policy 8 --session-len 100",
    numBlocks,
  ],
  [
    "--cache-max-entry-count 0.5 --memory 310MiB",
    "--cache-max-entry-count 0.5 --memory 317440KiB",
    numBlocks,
  ],
  [
    "--memory 2g --max-num-seqs 4 --num-gpu-blocks 64",
    "--memory 2GB --max-batch-size 4 --num-gpu-blocks 64",
    capBytes,
    2e9,
  ],
  ["--memory 2G --num-gpu-blocks 64", "--memory 2GiB --tp 1 --num-gpu-blocks 64", capBytes, 2048 * mib],
];

for (const [first, second, read, expected] of dialects)
  test(`${first} = ${second}`, async (t) => {
    const [one, other] = [await reportOf(t, first), await reportOf(t, second)];
    assert.equal(read(one), read(other));
    assert.deepEqual(one.blocks, other.blocks);
    if (expected !== undefined) assert.equal(read(one), expected);
  });

/** Commands that are refused, and how often a whole command has to be mended with one of the flags it is told to use. */
const refused: readonly string[] = [
  "--memory 20MiB",
  "--memory 320MiB --max-kv-tokens 300000",
  "--memory 320MiB --max-num-seqs 512 --num-gpu-blocks-override 15000 --max-model-len 256",
  // A share of any machine's memory in which not even the runtime fits.
  `--gpu-memory-utilization ${((20 * mib) / readDeviceMemory().totalBytes).toFixed(9)}`,
  "--max-kv-tokens 32 --max-model-len 64",
  "--kv-cache-memory-bytes 4000 --max-model-len 128",
  "--max-model-len 4096",
  "--max-num-batched-tokens 16",
];

for (const command of refused)
  test(`refused before loading, and each flag it suggests makes it start: ${command}`, async (t) => {
    const given = command.split(" ");
    const run = (flags: readonly string[]) =>
      runToEnd(t, ["run", tinyModel, "a", "--max-tokens", "1", ...flags]);
    const { code, stderr, stdout } = await run(given);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    const hint = stderr.slice(stderr.lastIndexOf("Use "));
    const suggestions = [...hint.matchAll(/(--[a-z-]+) ([^\s,.)]+(?:\.\d+)?)/g)];
    assert.ok(suggestions.length > 0, stderr);
    for (const [, flag = "", value = ""] of suggestions) {
      const mended = await run(withFlag(given, flag, value));
      assert.equal(mended.code, 0, `${flag} ${value}: ${mended.stderr}`);
    }
  });

/** The flag replaces the one that was given, or joins. */
function withFlag(given: readonly string[], flag: string, value: string): string[] {
  const at = given.indexOf(flag);
  return at < 0 ? [...given, flag, value] : given.with(at + 1, value);
}

test("--max-model-len auto takes what the pool holds, and says so", async (t) => {
  const report = await reportOf(t, "--max-kv-tokens 48 --max-model-len auto");
  assert.deepEqual([report.numKvTokens, report.maxConcurrency], [48, 1]);
});
