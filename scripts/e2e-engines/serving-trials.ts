/** @module Trials of one running engine: its start by phases, its size and memory, its answers, metrics and sleep. */
import type { EngineMetrics } from "../../src/fleet/drivers/metrics/engine-metrics.ts";
import { residentBytes } from "../../src/process/process-tree.ts";
import type { RealEngine } from "./engines-at.ts";
import { exchange, type Question, streamed } from "./exchanges.ts";
import type { Recording } from "./recording.ts";
import { type StartedEngine, withEngine } from "./started-engine.ts";

const group = "serving";
const soon = (): AbortSignal => AbortSignal.timeout(120_000);
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export async function servingTrials(engine: RealEngine, recording: Recording): Promise<void> {
  await recording.trial(group, "start to end", async () => {
    await withEngine(engine, engine.start(), async (running) => {
      await recording.trial(group, "start", async () => {
        recording.keep("start.txt", running.output());
        return running.phases.map(({ name, atSeconds }) => `${name} ${atSeconds} s`).join(", ");
      });
      await recording.trial(group, "size", () => size(running));
      await recording.trial(group, "memory", () => memory(running));
      await answers(engine, running, recording);
      await recording.trial(group, "metrics", () => metrics(running, recording));
      await recording.trial(group, "sleep", () => sleep(running));
    });
    return "the whole tree is gone";
  });
}

async function size(running: StartedEngine): Promise<string> {
  const { seats, poolTokens } = await running.driver.size(running.port, running.output(), soon());
  if (!(seats > 0 && poolTokens > 0)) throw new Error(`${seats} sequences, ${poolTokens} tokens`);
  return `${seats} sequences, ${poolTokens} tokens`;
}

async function memory(running: StartedEngine): Promise<string> {
  const { driver, port, process } = running;
  const { components, numKvBlocks, numKvTokens } = await driver.memory(port, running.output(), soon());
  const parts = Object.entries(components).map(([name, bytes]) => `${name} ${mib(bytes)}`);
  if (parts.length === 0 && numKvTokens === null)
    throw new Error("it states neither a component nor its pool");
  const held = residentBytes(process.identity.pid);
  return `${parts.join(", ") || "no component"}; ${numKvBlocks ?? "?"} blocks, ${numKvTokens ?? "?"} tokens; resident ${mib(held)}`;
}

const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const chat = {
  model: "smol",
  messages: [{ role: "user", content: "Say hello." }],
  max_tokens: 8,
  temperature: 0,
};
const completion = { model: "smol", prompt: "The capital of France is", max_tokens: 6, temperature: 0 };

const questions: readonly Question[] = [
  { name: "models", path: "/v1/models", wants: /"smol"/ },
  { name: "chat", path: "/v1/chat/completions", body: chat, wants: /"completion_tokens":/ },
  { name: "completion", path: "/v1/completions", body: completion, wants: /"text":\s*"\s*Paris|"text":/ },
  {
    name: "streamed chat",
    path: "/v1/chat/completions",
    body: { ...chat, stream: true, stream_options: { include_usage: true } },
    wants: /data: \[DONE\]/,
  },
  {
    name: "streamed completion",
    path: "/v1/completions",
    body: { ...completion, stream: true },
    wants: /data: \[DONE\]/,
  },
  {
    name: "tools",
    path: "/v1/chat/completions",
    body: { ...chat, max_tokens: 96, tools: [tool], tool_choice: "required" },
    wants: /"tool_calls":\s*\[\s*\{/,
  },
];

/** Errors that a client causes; the driver puts each into OpenAI's shape. */
const mistakes: readonly Question[] = [
  { name: "unknown model", path: "/v1/chat/completions", body: { ...chat, model: "nope" } },
  { name: "messages that are a text", path: "/v1/chat/completions", body: { ...chat, messages: "x" } },
  {
    name: "prompt too long",
    path: "/v1/completions",
    body: { ...completion, prompt: "word ".repeat(20_000) },
  },
  { name: "not JSON", path: "/v1/completions", body: "{" },
];

async function answers(engine: RealEngine, running: StartedEngine, recording: Recording): Promise<void> {
  for (const question of questions.filter(({ name }) => name !== "tools" || engine.callsTools))
    await recording.trial(group, question.name, async () => {
      const { status, answer } = await exchange(running, question, recording);
      if (status !== 200 || question.wants?.test(answer) === false)
        throw new Error(`${status}: ${answer.slice(0, 300)}`);
      return question.name.startsWith("streamed") ? streamed(answer) : `${status}`;
    });
  for (const question of mistakes)
    await recording.trial(group, question.name, async () => {
      const { status, shaped } = await exchange(running, question, recording);
      return `${status}: ${shaped}`;
    });
}

/** What the requests before have used must be in the counters. */
async function metrics(running: StartedEngine, recording: Recording): Promise<string> {
  const { driver, port, url } = running;
  // LMDeploy refreshes its gauges every ten seconds.
  if (driver.engine === "lmdeploy") await new Promise((wake) => setTimeout(wake, 11_000));
  const text = await (await fetch(`${url}/metrics`, { signal: soon() })).text();
  recording.keep("metrics.txt", withoutBuckets(text));
  const read = await driver.metrics(port, soon());
  if (read === null || !((read.promptTokens ?? 0) > 0)) throw new Error(JSON.stringify(read));
  const known = (Object.keys(read) as (keyof EngineMetrics)[]).filter((name) => read[name] !== null);
  return known.map((name) => `${name} ${read[name]}`).join(", ");
}

/** Histograms and the interpreter's own metrics are most of the text and are not read. */
function withoutBuckets(text: string): string {
  const isKept = (line: string): boolean =>
    !/_bucket\{|_created[ {]|^(?:# \w+ )?(?:python|process|http|nodejs)_/.test(line);
  return text.split("\n").filter(isKept).join("\n");
}

async function sleep({ driver, port, process }: StartedEngine): Promise<string> {
  if (driver.sleep === null) return "this start has no sleep";
  const before = residentBytes(process.identity.pid);
  await driver.sleep.sleep(port, 1, soon());
  if (!(await driver.sleep.isAsleep(port, soon()))) throw new Error("it is not asleep after /sleep");
  const asleep = residentBytes(process.identity.pid);
  await driver.sleep.wake(port, soon());
  if (await driver.sleep.isAsleep(port, soon())) throw new Error("it is asleep after its wake");
  return `asleep and awake again; resident ${mib(before)} before, ${mib(asleep)} asleep`;
}
