import assert from "node:assert/strict";
import { test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { peakResidentBytes } from "../../process/process-tree.ts";
import { memoryReport, settledMemoryReport } from "../testing/memory-report.ts";
import { PagodaProcess, tinyModel } from "../testing/pagoda-process.ts";

const capMib = 320;

/** Prompts of every kind at once: plain, with log-probabilities of each prompt token, streamed, left half-way. */
async function load(url: string): Promise<void> {
  const request = (body: object, signal?: AbortSignal) =>
    fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        prompt: Array.from({ length: 180 }, (_, i) => i % 90),
        ignore_eos: true,
        ...body,
      }),
      ...(signal === undefined ? {} : { signal }),
    }).then(async (response) => {
      assert.equal(response.status, 200);
      const text = await response.text();
      // A long answer goes out in pieces: together they must still be JSON.
      if (!("stream" in body)) assert.equal(JSON.parse(text).object, "text_completion");
    });
  const leaving = AbortSignal.timeout(50);
  await Promise.all(
    Array.from({ length: 16 }, (_, i) => [
      request({ max_tokens: 40, seed: i }),
      request({ max_tokens: 0, echo: true, logprobs: 64 }),
      request({ max_tokens: 40, stream: true, n: 2 }),
      request({ max_tokens: 60, stream: true }, leaving).catch((thrown: unknown) => {
        assert.ok(leaving.aborted, String(thrown));
      }),
    ]).flat(),
  );
}

test("the CPU backend allocates what was planned, and the process stays under its cap", async (t) => {
  if (process.platform !== "linux") {
    t.skip("the peak resident size is read from /proc");
    return;
  }
  const pagoda = new PagodaProcess(t, [
    ...["serve", tinyModel, "--port", "0", "--threads", "2", "--max-logprobs", "64"],
    // Sequences enough to fill all that the cap leaves.
    ...["--memory", `${capMib}MiB`, "--max-num-seqs", "512"],
  ]);
  const url = await pagoda.ready();
  const before = await memoryReport(url);
  assert.equal(before.budget.capBytes, capMib * mib);
  for (const component of before.components) {
    if (component.name === "runtime") continue;
    assert.equal(component.evidence, "exact", component.name);
    assert.equal(component.actualBytes, component.plannedBytes, component.name);
  }
  const plannedBytes = before.components.reduce((sum, component) => sum + component.plannedBytes, 0);
  const blockBytes = before.blocks.bytesPerBlock;
  assert.ok(plannedBytes <= capMib * mib && plannedBytes > capMib * mib - 2 * blockBytes - 65_536);
  await load(url);
  await load(url);
  const after = await settledMemoryReport(url);
  assert.deepEqual(
    after.components.filter(({ name }) => name !== "runtime"),
    before.components.filter(({ name }) => name !== "runtime"),
  );
  const { numFree, numCached, numReferenced, numTotal } = after.blocks;
  assert.deepEqual([numReferenced, numFree + numCached], [0, numTotal]);
  const peakBytes = peakResidentBytes(pagoda.pid);
  assert.ok(peakBytes < capMib * mib, `peak ${peakBytes}`);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
