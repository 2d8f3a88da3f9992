/** @module Clients that read their answers only when all of them have been generated or given up. */
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Owner, PagodaProcess, tinyModel } from "../pagoda-process.ts";
import type { FaultOutcome } from "./fault-trial.ts";

const numClients = 8;
/** 40 MB for each client, if it read: more than the heap for all. */
const body = (index: number): string =>
  JSON.stringify({
    prompt: [5, 6, 7 + index],
    n: 32,
    max_tokens: 250,
    ignore_eos: true,
    logprobs: 64,
    stream: true,
  });
const betweenLooksMs = 50;
const headers = { "content-type": "application/json" };

/** Every answer ends with the mark of its end: whole, or after the error that says that the client was too slow. */
export async function clientsThatReadLate(owner: Owner, times: number): Promise<FaultOutcome> {
  const pagoda = new PagodaProcess(owner, [
    ...["serve", tinyModel, "--port", "0", "--threads", "1", "--memory", "320MiB"],
    ...["--max-num-seqs", "64", "--max-logprobs", "64", "--log-level", "fatal"],
  ]);
  const url = await pagoda.ready();
  let numMarked = 0;
  let numTooSlow = 0;
  for (let time = 0; time < times; time++) {
    const agent = new Agent();
    const answers = await Promise.all(
      Array.from({ length: numClients }, (_, index) => begun(url, agent, body(index))),
    );
    await untilNothingRuns(url);
    for (const end of await Promise.all(answers.map(lastOf))) {
      if (end.includes("data: [DONE]")) numMarked++;
      if (end.includes("client_too_slow")) numTooSlow++;
    }
    agent.destroy();
  }
  pagoda.child.kill("SIGTERM");
  const code = await pagoda.exited;
  return {
    passed: numMarked === times * numClients && code === 0,
    seen: `${times} × ${numClients} answers that were read when nothing ran any more: ${numMarked} came to their mark of the end, ${numTooSlow} of them with the error client_too_slow before it, exit code ${code}`,
  };
}

function begun(url: string, agent: Agent, text: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(`${url}/v1/completions`, { method: "POST", headers, agent });
  sent.on("response", resolve);
  sent.on("error", reject);
  sent.end(text);
  return promise;
}

async function untilNothingRuns(url: string): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const counts = [...metrics.matchAll(/^vllm:num_requests_(?:running|waiting)\{[^}]*\} (\d+)/gm)];
    if (counts.length === 2 && counts.every(([, count]) => count === "0")) return;
    await pause(betweenLooksMs);
  }
}

/** The last characters of an answer, however it ends. */
function lastOf(answer: IncomingMessage): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let last = "";
  answer.on("data", (part: Buffer) => {
    last = (last + part.toString("latin1")).slice(-500);
  });
  answer.on("error", () => resolve(last));
  answer.on("close", () => resolve(last));
  return promise;
}
