/** @module Servers that end under load: asked to, killed, or because a thread died. */
import { freePort } from "../../../process/server-process.ts";
import { type Owner, PagodaProcess, tinyModel } from "../pagoda-process.ts";
import { type FaultOutcome, runningStreams, type StreamEnd, streamed } from "./fault-trial.ts";

const numStreams = 8;
const server = (port: number, threads: number): string[] => [
  ...["serve", tinyModel, "--port", String(port), "--threads", String(threads), "--memory", "320MiB"],
  // A busy machine may need long for what has begun.
  ...["--log-level", "error", "--shutdown-grace-ms", "300000"],
];
const longAnswer = (index: number): object => ({ prompt: [5, 6, 7 + index], max_tokens: 200 });

/** SIGTERM: what has begun is finished, nothing is cut, and the process leaves with 0. */
export async function askedToEnd(owner: Owner, times: number): Promise<FaultOutcome> {
  let numWhole = 0;
  const codes: (number | null)[] = [];
  for (let time = 0; time < times; time++) {
    const pagoda = new PagodaProcess(owner, server(0, 1));
    const url = await pagoda.ready();
    const streams = await runningStreams(url, numStreams, longAnswer);
    pagoda.child.kill("SIGTERM");
    const ends = await Promise.all(streams);
    numWhole += ends.filter(isWhole).length;
    codes.push(await pagoda.exited);
  }
  const numClean = codes.filter((code) => code === 0).length;
  return {
    passed: numWhole === times * numStreams && numClean === times,
    seen: `${times} × SIGTERM with ${numStreams} streams: ${numWhole} of ${times * numStreams} streams came whole, ${numClean} of ${times} exit codes were 0`,
  };
}

const isWhole = ({ finishReason, hasDone }: StreamEnd): boolean => finishReason === "length" && hasDone;

/** SIGKILL, and the next start on the same port serves. */
export async function killed(owner: Owner, times: number): Promise<FaultOutcome> {
  const port = await freePort();
  let numServed = 0;
  let numEnded = 0;
  for (let time = 0; time < times; time++) {
    const pagoda = new PagodaProcess(owner, server(port, 1));
    const url = await pagoda.ready();
    const streams = await runningStreams(url, numStreams, longAnswer);
    pagoda.child.kill("SIGKILL");
    numEnded += (await Promise.all(streams)).length;
    await pagoda.exited;
  }
  const last = new PagodaProcess(owner, server(port, 1));
  if (isWhole(await streamed(await last.ready(), longAnswer(0)))) numServed++;
  last.child.kill("SIGTERM");
  await last.exited;
  return {
    passed: numServed === 1 && numEnded === times * numStreams,
    seen: `${times} × SIGKILL with ${numStreams} streams: all ${numEnded} clients saw their connection end, every start on the same port was ready, and the last one served`,
  };
}

/** Loaded into the server before its own code: on SIGUSR2 the newest compute thread ends where it stands. */
const threadEnder = `
  const threads = [];
  process.on("worker", (thread) => threads.push(thread));
  process.on("SIGUSR2", () => threads.at(-1)?.terminate());`;

/** Each request gets one error, and the process leaves with 1, so that whoever supervises it starts it again. */
export async function threadsThatDie(owner: Owner, times: number): Promise<FaultOutcome> {
  let numTold = 0;
  let numLeft = 0;
  for (let time = 0; time < times; time++) {
    const pagoda = new PagodaProcess(owner, server(0, 2), {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(threadEnder)}`,
    });
    const url = await pagoda.ready();
    // As many sequences as may run at once: all streams begin together, and none can be done before the thread dies.
    const streams = await runningStreams(url, numStreams, (index) => ({ ...longAnswer(index), n: 4 }));
    pagoda.child.kill("SIGUSR2");
    numTold += (await Promise.all(streams)).filter(({ errorCode }) => errorCode === "engine_failed").length;
    if ((await pagoda.exited) === 1) numLeft++;
  }
  return {
    passed: numTold === times * numStreams && numLeft === times,
    seen: `${times} × a thread ended with ${numStreams} streams: ${numTold} of ${times * numStreams} got the error engine_failed, ${numLeft} of ${times} exit codes were 1`,
  };
}
