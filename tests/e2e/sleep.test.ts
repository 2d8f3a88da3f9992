/** POST /sleep and /wake_up on a real server: memory, refused requests, and the same text afterwards. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

async function server(t: TestContext, args: readonly string[] = []) {
  // A pool of 256 MiB beside a model of a few hundred kilobytes.
  const pool = ["--kv-cache-memory-bytes", "256MiB"];
  const pagoda = new PagodaProcess(t, ["serve", tinyModel, ...pool, "--port", "0", ...args]);
  const url = await pagoda.ready();
  return {
    url,
    resident: () => residentBytes(pagoda.pid),
    post: (path: string, body?: object) =>
      fetch(`${url}${path}`, {
        method: "POST",
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      }),
    get: async (path: string) => (await fetch(`${url}${path}`)).json() as Promise<Record<string, unknown>>,
  };
}

function residentBytes(pid: number): number {
  const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return Number(pages) * 4096;
}

const prompt = { prompt: [5, 6, 7, 8], max_tokens: 8, temperature: 0, ignore_eos: true };
const textOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { choices: { text: string }[] }).choices[0]?.text;

for (const level of [1, 2])
  test(`level ${level}: memory goes back, requests are refused, waking brings the same text`, {
    skip,
  }, async (t) => {
    const { url, resident, post, get } = await server(t);
    const before = await textOf(await post("/v1/completions", prompt));
    const awake = resident();
    const slept = (await (await post(`/sleep?level=${level}`)).json()) as Record<string, unknown>;
    if (slept.kept_because !== null) return t.skip(String(slept.kept_because));
    assert.ok(awake - resident() > 230 * mib, `${awake} ${resident()}`);
    assert.deepEqual(await get("/is_sleeping"), { is_sleeping: true });
    const refused = await post("/v1/completions", prompt);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, "not_ready");
    assert.match(error.message, /asleep/);
    // An operator still sees it, and a load balancer does not take it for dead.
    assert.equal((await fetch(`${url}/health`)).status, 200);
    assert.equal((await fetch(`${url}/admin/memory`)).status, 200);
    assert.equal((await post("/wake_up")).status, 200);
    assert.deepEqual(await get("/is_sleeping"), { is_sleeping: false });
    assert.ok(resident() > awake - 30 * mib);
    assert.equal(await textOf(await post("/v1/completions", prompt)), before);
  });

test("--wake-on-request: a request wakes the model; a running one ends or finishes as asked", {
  skip,
}, async (t) => {
  const { post, get } = await server(t, ["--wake-on-request"]);
  const before = await textOf(await post("/v1/completions", prompt));
  await post("/sleep");
  const texts = await Promise.all([1, 2, 3].map(async () => textOf(await post("/v1/completions", prompt))));
  assert.deepEqual(texts, [before, before, before]);
  assert.deepEqual(await get("/is_sleeping"), { is_sleeping: false });
  const long = { ...prompt, max_tokens: 2000 };
  const running = post("/v1/completions", { ...long, stream: true });
  await (await running).body?.getReader().read();
  const finishing = post("/v1/completions", { ...prompt, max_tokens: 64 });
  // Only after it has been let in.
  while (((await get("/server_info")) as { models: unknown[] }).models.length === 0);
  assert.equal((await post("/sleep?mode=wait&level=1")).status, 200);
  await finishing;
  assert.deepEqual(await get("/is_sleeping"), { is_sleeping: true });
  for (const [query, param] of [
    ["level=3", "level"],
    ["mode=keep", "mode"],
  ]) {
    const refused = await post(`/sleep?${query}`);
    assert.equal(refused.status, 400);
    assert.equal(((await refused.json()) as { error: { param: string } }).error.param, param);
  }
  assert.equal((await post("/wakeup")).status, 200);
  const { dropped_blocks: numDropped } = (await (await post("/reset_prefix_cache")).json()) as {
    dropped_blocks: number;
  };
  assert.equal(typeof numDropped, "number");
});
