/**
 * Many random requests against a real server: shared beginnings, all lengths, clients that leave at any moment, a pool
 * that is too small for them. A longer run:
 *
 *   PAGODA_SOAK_REQUESTS=20000 node --test tests/e2e/soak.test.ts
 */
import assert from "node:assert/strict";
import { Agent, type ClientRequest, request } from "node:http";
import { test } from "node:test";
import { memoryReport, settledMemoryReport } from "../../src/cli/testing/memory-report.ts";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";
import { Choices } from "../../src/engine/testing/soak.ts";

const numRequests = Number(process.env.PAGODA_SOAK_REQUESTS ?? 600);
const numClients = 24;
const capMib = 320;
/** Between a tenth of the requests and the end: compiled code and heap that have not been collected yet. */
const mostGrowthBytes = 24 * mib;

interface Counts {
  finished: number;
  left: number;
}

/** One of four beginnings, cut anywhere, then a tail of its own. */
function randomPrompt(choices: Choices): number[] {
  const family = choices.below(4);
  const shared = Array.from({ length: choices.below(120) }, (_, i) => 3 + ((family * 31 + i * 7) % 300));
  return [...shared, ...Array.from({ length: 1 + choices.below(40) }, () => 3 + choices.below(300))];
}

function randomBody(choices: Choices): object {
  const prompt = randomPrompt(choices);
  return {
    prompt,
    max_tokens: 1 + choices.below(choices.oneIn(4) ? 256 - prompt.length : 16),
    stream: choices.oneIn(2),
    n: choices.oneIn(8) ? 2 : 1,
    seed: choices.below(1000),
    temperature: choices.below(2),
    repetition_penalty: choices.oneIn(4) ? 1.2 : 1,
    ignore_eos: choices.oneIn(2),
    priority: choices.below(3) - 1,
    ...(choices.oneIn(8) ? { prompt_logprobs: 3 } : {}),
    ...(choices.oneIn(8) ? { logprobs: 5 } : {}),
    ...(choices.oneIn(8) ? { stop: ["e"] } : {}),
  };
}

/** Sends a request; where `patienceBytes` is not null, leaves after that many bytes of the answer. */
function send(url: string, body: object, patienceBytes: number | null, agent: Agent): Promise<keyof Counts> {
  const { promise, resolve, reject } = Promise.withResolvers<keyof Counts>();
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  const sent: ClientRequest = request(`${url}/v1/completions`, { method: "POST", headers, agent });
  let hasLeft = false;
  const leave = (): void => {
    hasLeft = true;
    sent.destroy();
    resolve("left");
  };
  sent.on("response", (response) => {
    let answer = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      answer += part;
      if (patienceBytes !== null && answer.length > patienceBytes) leave();
    });
    response.on("end", () => {
      if (hasLeft) return;
      const isWhole = response.statusCode === 200 && !answer.includes('"error"');
      if (isWhole) resolve("finished");
      else reject(new assert.AssertionError({ message: `${response.statusCode}: ${answer}` }));
    });
    response.on("error", (fault) => (hasLeft ? null : reject(fault)));
  });
  sent.on("error", (fault) => (hasLeft ? null : reject(fault)));
  sent.end(text);
  if (patienceBytes === 0) setImmediate(leave);
  return promise;
}

test(`${numRequests} requests over HTTP leave every block free or cached, and the process no larger`, async (t) => {
  const pagoda = new PagodaProcess(t, [
    ...["serve", tinyModel, "--port", "0", "--threads", "2", "--memory", `${capMib}MiB`],
    ...["--num-gpu-blocks", "48", "--max-num-seqs", "12", "--max-num-batched-tokens", "96"],
    ...["--max-logprobs", "8", "--log-level", "error"],
  ]);
  const url = await pagoda.ready();
  const agent = new Agent({ keepAlive: true, maxSockets: numClients });
  const choices = new Choices(11);
  const counts: Counts = { finished: 0, left: 0 };
  let numSent = 0;
  let atTenthBytes = 0;
  const client = async (): Promise<void> => {
    while (numSent < numRequests) {
      if (++numSent === Math.floor(numRequests / 10)) atTenthBytes = (await memoryReport(url)).residentBytes;
      const patienceBytes = choices.oneIn(4) ? choices.below(4) * 200 : null;
      counts[await send(url, randomBody(choices), patienceBytes, agent)]++;
    }
  };
  await Promise.all(Array.from({ length: numClients }, client));
  const memory = await settledMemoryReport(url);
  agent.destroy();
  const { numFree, numCached, numReferenced, numTotal } = memory.blocks;
  assert.deepEqual([numReferenced, numFree + numCached], [0, numTotal]);
  assert.equal(counts.finished + counts.left, numRequests);
  assert.ok(counts.left > numRequests / 20, `${counts.left} clients left`);
  const grownBytes = memory.residentBytes - atTenthBytes;
  t.diagnostic(
    `${counts.left} clients left; resident ${memory.residentBytes}, grown by ${grownBytes}, peak ${memory.peakResidentBytes}`,
  );
  assert.ok(grownBytes < mostGrowthBytes, `the process grew by ${grownBytes} bytes`);
  assert.ok(memory.peakResidentBytes < capMib * mib, `peak ${memory.peakResidentBytes}`);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /vllm:num_preemptions_total\{[^}]*\} [1-9]/);
  assert.match(metrics, /vllm:prefix_cache_hits_total\{[^}]*\} [1-9]/);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
