/** @module Clients that leave at any moment, while others stay and must get the text that they get alone. */
import { type ClientRequest, request } from "node:http";
import { connect } from "node:net";
import { settledMemoryReport } from "../memory-report.ts";
import { type Owner, PagodaProcess, tinyModel } from "../pagoda-process.ts";
import { type FaultOutcome, streamed } from "./fault-trial.ts";

const numStaying = 20;
const numAtOnce = 48;
const mostDelayMs = 12;
const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };

/** When a client leaves: before its headers are whole, before the first token, in the text, in a text under a schema. */
const moments = ["headers", "prefill", "stream", "grammar"] as const;

/** The same numbers for the same seed. */
function below(seed: number, count: number): number {
  return ((Math.imul(seed ^ 0x9e3779b9, 2654435761) >>> 8) % 65_536) % count;
}

const promptOf = (seed: number, length: number): number[] =>
  Array.from({ length }, (_, i) => 3 + below(seed * 131 + i, 300));
const stayingBody = (index: number): object => ({
  prompt: promptOf(index + 1, 20 + 5 * index),
  max_tokens: 60,
  seed: index,
});

export async function clientsThatLeave(owner: Owner, numLeaving: number): Promise<FaultOutcome> {
  const pagoda = new PagodaProcess(owner, [
    ...["serve", tinyModel, "--port", "0", "--threads", "1", "--memory", "320MiB", "--log-level", "error"],
  ]);
  const url = await pagoda.ready();
  const alone: string[] = [];
  for (let index = 0; index < numStaying; index++) alone.push((await streamed(url, stayingBody(index))).text);
  let numLeft = 0;
  const leaver = async (): Promise<void> => {
    while (numLeft < numLeaving) await leave(url, numLeft++);
  };
  let numAnswers = 0;
  let numOther = 0;
  const stayer = async (index: number): Promise<void> => {
    do {
      const { text, finishReason } = await streamed(url, stayingBody(index));
      numAnswers++;
      if (text !== alone[index] || finishReason !== "length") numOther++;
    } while (numLeft < numLeaving);
  };
  await Promise.all([
    ...Array.from({ length: numAtOnce }, leaver),
    ...Array.from({ length: numStaying }, (_, index) => stayer(index)),
  ]);
  const { blocks } = await settledMemoryReport(url);
  pagoda.child.kill("SIGTERM");
  const code = await pagoda.exited;
  return {
    passed: numOther === 0 && blocks.numReferenced === 0 && code === 0,
    seen: `${numLeaving} clients left; of ${numAnswers} answers to ${numStaying} others ${numOther} differed from those given alone; ${blocks.numReferenced} of ${blocks.numTotal} blocks were still referenced; exit code ${code}`,
  };
}

async function leave(url: string, seed: number): Promise<void> {
  const moment = moments[seed % moments.length];
  if (moment === "headers") return leaveInHeaders(url, seed);
  const body = {
    prompt: promptOf(seed, 10 + below(seed, 150)),
    max_tokens: 80,
    stream: true,
    ignore_eos: moment !== "grammar",
    ...(moment === "grammar" ? { structured_outputs: { json: schema } } : {}),
  };
  return leaveAnswer(url, body, moment === "prefill" ? 0 : 1 + below(seed, 2000), below(seed, mostDelayMs));
}

function leaveInHeaders(url: string, seed: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  socket.once("close", () => resolve());
  const header = "POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
  socket.write(header.slice(0, 1 + below(seed, header.length - 1)), () => socket.destroy());
  return promise;
}

/** Leaves after so many bytes of the answer; 0: after so many milliseconds without any. */
function leaveAnswer(url: string, body: object, numBytes: number, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  const sent: ClientRequest = request(
    `${url}/v1/completions`,
    { method: "POST", headers, agent: false },
    (response) => {
      let received = 0;
      response.on("error", () => undefined);
      response.on("close", () => resolve());
      response.on("data", (part: Buffer) => {
        received += part.length;
        if (received >= numBytes) sent.destroy();
      });
    },
  );
  sent.on("error", () => undefined);
  sent.on("close", () => resolve());
  sent.end(text);
  if (numBytes === 0) setTimeout(() => sent.destroy(), delayMs);
  return promise;
}
