/** `--resume-streams`: an instance is killed in the middle of its streams, and their texts are those of undisturbed runs. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FleetView } from "../../src/api/admin/fleet.ts";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { identify } from "../../src/process/process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const numTokens = 220;

async function twoReplicas(t: TestContext) {
  const pagoda = new PagodaProcess(t, [
    "serve",
    tinyModel,
    ...["--memory", "300MiB", "--replicas", "2", "--port", "0", "--resume-streams"],
  ]);
  const url = await pagoda.ready();
  const view = async (): Promise<FleetView> =>
    (await (await fetch(`${url}/admin/fleet`)).json()) as FleetView;
  const pids = new Set<number>();
  const pidOf = async (instanceId: string): Promise<number> => {
    const { instances } = await view();
    for (const { pid } of instances) if (pid !== null) pids.add(pid);
    return instances.find((one) => one.instanceId === instanceId)?.pid ?? 0;
  };
  const bothReady = async (): Promise<void> => {
    while ((await view()).instances.filter(({ state }) => state === "ready").length < 2)
      await new Promise((wake) => setTimeout(wake, 50));
  };
  t.after(() => {
    for (const pid of pids) if (identify(pid) !== null) process.kill(pid, "SIGKILL");
  });
  return { url, pidOf, bothReady };
}

const shared = {
  stream: true,
  stream_options: { include_usage: true },
  max_tokens: numTokens,
  ignore_eos: true,
};
const requests: readonly (readonly [string, object])[] = [
  ["/v1/completions", { ...shared, prompt: [5, 6, 7], temperature: 0 }],
  ["/v1/completions", { ...shared, prompt: [9, 8], temperature: 1.2, seed: 11, top_p: 0.9 }],
  ["/v1/completions", { ...shared, prompt: [4, 4, 4], temperature: 1, seed: 3, repetition_penalty: 1.3 }],
  [
    "/v1/completions",
    { ...shared, prompt: [7, 7], temperature: 1, seed: 4, guided_regex: "([a-z]{2,9} ){200,300}" },
  ],
];

/** The events without what differs between any two answers: their ids and times, and what a prefix cache had of the prompt. */
function comparable(text: string): string {
  return text.replaceAll(/"id":"[^"]*"|"created":\d+|"cached_tokens":\d+/g, "");
}

/** Reads a stream; `onEvent` is told of the number of events so far, and of the instance. */
async function read(
  url: string,
  [path, body]: readonly [string, object],
  onEvent: (numEvents: number, instanceId: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const answer = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await (answer.ok ? "" : answer.text()));
  const instanceId = answer.headers.get("x-pagoda-instance") ?? "";
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    await onEvent(text.split("\n\n").length - 1, instanceId);
  }
  return text;
}

async function compareWithKilled(t: TestContext, some: typeof requests): Promise<void> {
  const { url, pidOf, bothReady } = await twoReplicas(t);
  const undisturbed: string[] = [];
  for (const request of some) undisturbed.push(await read(url, request));
  for (const [i, request] of some.entries()) {
    await bothReady();
    let isKilled = false;
    const text = await read(url, request, async (numEvents, instanceId) => {
      if (isKilled || numEvents < 10) return;
      isKilled = true;
      process.kill(await pidOf(instanceId), "SIGKILL");
    });
    assert.ok(isKilled);
    assert.doesNotMatch(text, /pagoda|"error"/);
    assert.equal(comparable(text), comparable(undisturbed[i] ?? ""), JSON.stringify(request));
    assert.equal(new Set(text.match(/"id":"[^"]*"/g)).size, 1);
  }
}

test(
  "a stream whose instance is killed has the text and the usage of an undisturbed one, each event once",
  {
    skip,
  },
  (t) => compareWithKilled(t, requests.slice(0, 1)),
);

test(
  "so have sampled ones",
  {
    skip,
  },
  (t) => compareWithKilled(t, requests.slice(1)),
);
