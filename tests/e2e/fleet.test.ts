/** `pagoda up` with real instances of our own engine: several models, a killed supervisor, a change while it runs, the end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { AppliedView, FleetView } from "../../src/api/admin/fleet.ts";
import { complete, fleetFolder, viewAt } from "../../src/cli/testing/fleet-folder.ts";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { identify, processesTagged } from "../../src/process/process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

/** What an instance wants to be asked with, as a process of the same user can read it. */
function routerKeyOf(pid: number): string {
  const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  return (
    variables.find((line) => line.startsWith("PAGODA_ROUTER_KEY="))?.slice("PAGODA_ROUTER_KEY=".length) ?? ""
  );
}

const fleet = (small: string, lazy = "min: 0"): string => `
name: e2e
server: {port: 0}
models:
  small:
    model: ${tinyModel}
    aliases: [gpt-4o-mini]
    memory: 300MiB
    ${small}
  lazy:
    model: ${tinyModel}
    memory: 300MiB
    ${lazy}
`;

test("two models behind one address: by name, by alias, and one that the first request starts", {
  skip,
}, async (t) => {
  const { up, run } = fleetFolder(t, fleet("replicas: 2"));
  const { url, supervisor } = await up();
  assert.deepEqual(
    (await viewAt(url)).models.map(({ name, state }) => [name, state]),
    [
      ["small", "ready"],
      ["lazy", "asleep"],
    ],
  );
  const texts = await Promise.all(
    ["small", "gpt-4o-mini", "lazy", "lazy", "lazy"].map(async (model) => {
      const answer = await complete(url, model);
      const { choices } = (await answer.json()) as { readonly choices: readonly { readonly text: string }[] };
      return choices[0]?.text;
    }),
  );
  assert.equal(new Set(texts).size, 1);
  // Three requests at once, one start.
  const lazy = (await viewAt(url)).instances.filter(({ model }) => model === "lazy");
  assert.deepEqual([lazy.length, lazy[0]?.reason], [1, "8192 KV tokens, 32 sequences"]);
  const { stdout } = await run("ps", "--json");
  const shown = JSON.parse(stdout) as FleetView;
  assert.equal(shown.instances.length, 3);
  const device = shown.devices[0];
  assert.equal(device?.reservedBytes, (3 * 300 + 192) * 1024 * 1024);
  const drained = await run("drain", "lazy");
  assert.equal(drained.code, 0, drained.stderr);
  const refused = await complete(url, "lazy");
  assert.equal(refused.status, 503);
  assert.match(
    await refused.text(),
    /lazy was drained, and stays stopped until it is woken\. Run pagoda restart lazy\./,
  );
  const down = await run("down");
  assert.deepEqual([down.code, await supervisor.exited], [0, 0], down.stderr);
  for (const { pid } of shown.instances) assert.equal(identify(pid ?? 0), null);
});

test("a supervisor that was killed finds its instances again, and no request fails on them", {
  skip,
}, async (t) => {
  const { up, run } = fleetFolder(t, fleet("replicas: 2"));
  const first = await up();
  const before = (await viewAt(first.url)).instances;
  // A stream that comes straight from an instance goes on while nobody watches it.
  const port = before[0]?.port;
  const key = routerKeyOf(before[0]?.pid ?? 0);
  const stream = await complete(`http://127.0.0.1:${port}`, "small", { stream: true, max_tokens: 200 }, key);
  assert.equal(stream.status, 200);
  const reader = stream.body?.getReader();
  await reader?.read();
  first.supervisor.child.kill("SIGKILL");
  await first.supervisor.exited;
  const orphaned = await run("ps");
  assert.equal(orphaned.code, 1);
  assert.match(
    orphaned.stderr,
    /The supervisor of e2e does not run\. It left small-0 \(process \d+\), small-1/,
  );
  const second = await up();
  const after = await viewAt(second.url);
  assert.deepEqual(
    after.instances.map(({ instanceId, pid, state }) => [instanceId, pid, state]),
    before.map(({ instanceId, pid }) => [instanceId, pid, "ready"]),
  );
  let rest = "";
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) break;
    rest += Buffer.from(piece.value).toString();
  }
  assert.match(rest, /data: \[DONE\]\n\n$/);
  assert.equal((await complete(second.url, "small")).status, 200);
  // An adopted one that ends is started again.
  process.kill(after.instances[0]?.pid ?? 0, "SIGKILL");
  for (;;) {
    const [now] = (await viewAt(second.url)).instances;
    if (now?.state === "ready" && now.pid !== before[0]?.pid) break;
    assert.equal((await complete(second.url, "small")).status, 200);
    await new Promise((wake) => setTimeout(wake, 50));
  }
});

test("processes that carry the fleet's mark and belong to no known start are ended, others are not", {
  skip,
}, async (t) => {
  const { up, variables } = fleetFolder(t, fleet("replicas: 1"));
  const first = await up();
  const [instance] = (await viewAt(first.url)).instances;
  const [own] = processesTagged("PAGODA_INSTANCE", "").filter(({ pid }) => pid === instance?.pid);
  const tag = own?.value.split("/")[0] ?? "";
  first.supervisor.child.kill("SIGKILL");
  await first.supervisor.exited;
  const { spawn } = await import("node:child_process");
  const sleeper = (value: string) => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      env: { ...process.env, ...variables, PAGODA_INSTANCE: value },
      stdio: "ignore",
    });
    t.after(() => child.kill("SIGKILL"));
    return child;
  };
  const [stray, stranger] = [sleeper(`${tag}/small-9/1`), sleeper("another-fleet/small-0/1")];
  await up();
  assert.equal(identify(stray.pid ?? 0), null);
  assert.notEqual(identify(stranger.pid ?? 0), null);
});

test("apply shows its steps, replaces instances without a failed request, and takes a bad change back", {
  skip,
}, async (t) => {
  const { up, run, write, file } = fleetFolder(t, fleet("replicas: 2"));
  const { url } = await up();
  write(fleet("replicas: 2\n    flags: {max-num-seqs: 4}", "min: 1"));
  const dry = await run("apply", file, "--dry-run", "--json");
  assert.deepEqual((JSON.parse(dry.stdout) as AppliedView).steps, [
    "small: replace 2 instances, one after another (flags)",
    "lazy: 0 → 1 instances",
  ]);
  let isDone = false;
  const statuses: number[] = [];
  const load = (async () => {
    while (!isDone) statuses.push((await complete(url, "small")).status);
  })();
  const applied = await run("apply", file);
  isDone = true;
  await load;
  assert.equal(applied.code, 0, applied.stderr);
  assert.ok(statuses.length > 0 && statuses.every((status) => status === 200), statuses.join(" "));
  const view = await viewAt(url);
  assert.deepEqual(
    view.instances.map(({ model, reason }) => [model, reason]),
    [
      ["small", "1024 KV tokens, 4 sequences"],
      ["small", "1024 KV tokens, 4 sequences"],
      ["lazy", "8192 KV tokens, 32 sequences"],
    ],
  );
  // A variable that makes the instance refuse its own start: the plan cannot know.
  write(fleet("replicas: 2\n    environment: {PAGODA_NONSENSE: 1}", "min: 1"));
  const failed = await run("apply", file);
  assert.equal(failed.code, 1);
  assert.match(
    failed.stderr,
    /The roll of small was taken back: .*PAGODA_NONSENSE is set, and no option has that variable/,
  );
  const now = await viewAt(url);
  assert.equal(now.instances.filter(({ model, state }) => model === "small" && state === "ready").length, 2);
  assert.equal((await complete(url, "small")).status, 200);
  const foreign = await fetch(`${url}/admin/fleet/small/drain`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer guess" },
    body: "{}",
  });
  assert.equal(foreign.status, 403);
});

test("what does not fit is refused before anything is started, with a change that then fits", {
  skip,
}, async (t) => {
  const { run, file, write } = fleetFolder(t, fleet("replicas: 200"));
  const refused = await run("up", file);
  assert.equal(refused.code, 3);
  assert.match(
    refused.stderr,
    /The fleet needs 58\.59 GiB \(small 200 × 300\.0 MiB\), and [\d.]+ GiB of cpu can be promised\. Set .*replicas of small to \d+/,
  );
  assert.deepEqual(
    processesTagged("PAGODA_INSTANCE", "").filter(({ value }) => value.includes("small-199")),
    [],
  );
  write("models:\n  small:\n    modle: x\n");
  const wrong = await run("up", file);
  assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
  assert.equal(
    wrong.stderr,
    "pagoda: fleet.yaml line 3: 'modle' is not a key of a model. Use model. There is 1 other fault in the file.\n",
  );
});
