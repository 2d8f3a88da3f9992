import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import { loadModelFiles } from "../../model-files.ts";
import { tinyFolder } from "../../testing/fixtures.ts";
import { HubServer, type HubServerFaults } from "../../testing/hub-server.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import {
  type DownloadProgress,
  resolveModel,
  type SourceSettings,
  sourceSettingsFrom,
} from "../resolve-model.ts";

function tinyFiles(): Map<string, Buffer> {
  const folder = tinyFolder("qwen3");
  const files = readdirSync(folder).map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]);
  return new Map([
    ...files,
    ["README.md", Buffer.from("not wanted")],
    ["pytorch_model.bin", Buffer.from("nor this")],
  ]);
}

interface Scene {
  readonly server: HubServer;
  readonly settings: SourceSettings;
  readonly hubFolder: string;
  readonly progress: DownloadProgress[];
  resolve(name?: string): ReturnType<typeof resolveModel>;
}

async function scene(
  t: TestContext,
  faults: HubServerFaults = {},
  files: ReadonlyMap<string, Buffer> = tinyFiles(),
  environment: Record<string, string> = {},
): Promise<Scene> {
  const server = new HubServer(files, faults);
  const endpoint = await server.start();
  t.after(() => server.stop());
  const home = temporaryFolder(t);
  const settings = sourceSettingsFrom({ HF_ENDPOINT: `${endpoint}/`, HF_HOME: home, ...environment });
  const progress: DownloadProgress[] = [];
  return {
    server,
    settings,
    hubFolder: join(home, "hub", "models--org--tiny"),
    progress,
    resolve: (name = "org/tiny") => resolveModel(name, settings, (report) => progress.push(report)),
  };
}

function failure(code: string, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.ok(error.hint !== undefined && error.hint !== "");
    return true;
  };
}

test("a model is fetched into the shared cache, only what is wanted, and loads", async (t) => {
  const { server, resolve, hubFolder, progress } = await scene(t);
  const { model, modelId } = await resolve();
  assert.equal(modelId, "org/tiny");
  assert.equal(model.path, join(hubFolder, "snapshots", server.commit));
  assert.equal(loadModelFiles(model).tokenizer.numTokens, 384);
  assert.equal(readFileSync(join(hubFolder, "refs", "main"), "utf8"), server.commit);
  const link = join(model.path, "model.safetensors");
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.match(readlinkSync(link), /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
  assert.deepEqual(readdirSync(model.path).sort(), readdirSync(tinyFolder("qwen3")).sort());
  assert.ok(!server.requests.some((request) => /README|pytorch/.test(request)));
  const weights = progress.filter(({ label }) => label.includes("model.safetensors"));
  assert.ok(weights.length > 0);
  assert.equal(weights.at(-1)?.doneBytes, weights.at(-1)?.totalBytes);
});

test("the second time nothing is downloaded, and offline the cache serves alone", async (t) => {
  const { server, resolve, settings } = await scene(t);
  const first = await resolve();
  server.requests.length = 0;
  await resolve();
  assert.deepEqual(server.requests, [`GET /api/models/org/tiny/revision/main`]);
  server.stop();
  const unreachable = await resolve();
  assert.equal(unreachable.model.path, first.model.path);
  assert.match(unreachable.notes.join(), /cannot be reached.*using the copy in the cache/);
  const offline = await resolveModel("org/tiny", { ...settings, mayAskHub: false }, () => undefined);
  assert.equal(offline.model.path, first.model.path);
  assert.deepEqual(offline.notes, []);
});

test("offline without a copy says so", async (t) => {
  const { settings, server } = await scene(t, {}, tinyFiles(), { HF_HUB_OFFLINE: "1" });
  await assert.rejects(
    resolveModel("org/tiny", settings, () => undefined),
    failure("model_unavailable", /is not in the cache .*, and the hub may not be asked/),
  );
  assert.deepEqual(server.requests, []);
});

test("a broken connection is taken up where it broke", async (t) => {
  const { server, resolve } = await scene(t, { breakAfterBytes: 100_000, numBreaks: 2 });
  const { model } = await resolve();
  assert.deepEqual(
    readFileSync(join(model.path, "model.safetensors")),
    readFileSync(join(tinyFolder("qwen3"), "model.safetensors")),
  );
  const ranges = server.requests.filter((request) => request.startsWith("GET") && request.includes("bytes="));
  assert.ok(ranges.length >= 2, server.requests.join("\n"));
});

test("a mirror that would compress is asked not to, also for the rest of a file", async (t) => {
  const { model } = await (
    await scene(t, { compresses: true, breakAfterBytes: 100_000, numBreaks: 1 })
  ).resolve();
  for (const name of readdirSync(model.path))
    assert.deepEqual(readFileSync(join(model.path, name)), readFileSync(join(tinyFolder("qwen3"), name)));
});

test("a server that knows no ranges is read from the start again", async (t) => {
  const { resolve } = await scene(t, { breakAfterBytes: 100_000, numBreaks: 1, ignoresRanges: true });
  const { model } = await resolve();
  assert.deepEqual(
    readFileSync(join(model.path, "model.safetensors")),
    readFileSync(join(tinyFolder("qwen3"), "model.safetensors")),
  );
});

test("what came before a failure is kept for the next start", async (t) => {
  const { server, resolve, hubFolder } = await scene(t, {
    breakAfterBytes: 100_000,
    numBreaks: 1,
    rangeStatus: 403,
  });
  await assert.rejects(
    resolve(),
    failure("download_failed", /broke off at 100000 of \d+ bytes: the server answered 403/),
  );
  delete server.faults.rangeStatus;
  server.requests.length = 0;
  await resolve();
  assert.ok(
    server.requests.includes("GET /storage/model.safetensors bytes=100000-"),
    server.requests.join("\n"),
  );
  assert.ok(!readdirSync(join(hubFolder, "blobs")).some((name) => name.endsWith(".incomplete")));
});

test("bytes that are not those promised are thrown away", async (t) => {
  const { server, resolve, hubFolder } = await scene(t, { damagesBytes: true });
  await assert.rejects(
    resolve(),
    failure("download_failed", /has checksum [0-9a-f]+, but [0-9a-f]+ was promised/),
  );
  assert.deepEqual(readdirSync(join(hubFolder, "blobs")), []);
  server.faults.damagesBytes = false;
  await resolve();
});

test("a full disk is named, and nothing unfinished is taken for a model", {
  skip: !existsSync("/dev/full"),
}, async (t) => {
  const { server, resolve, hubFolder } = await scene(t);
  // Learn the blob's name from a first run elsewhere, then put a device that is always full in its place.
  const other = await scene(t);
  const { model } = await other.resolve();
  const blob = readlinkSync(join(model.path, "model.safetensors")).split("/").at(-1) ?? "";
  mkdirSync(join(hubFolder, "blobs"), { recursive: true });
  symlinkSync("/dev/full", join(hubFolder, "blobs", `${blob}.incomplete`));
  await assert.rejects(
    resolve(),
    failure("download_failed", /The disk is full: .*incomplete could not be written/),
  );
  assert.ok(!existsSync(join(hubFolder, "snapshots", server.commit, "model.safetensors")));
});

test("GGUF files by tag, and what there is where the tag is wrong", async (t) => {
  const file = Buffer.from("GGUF-ish");
  const files = new Map(["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf"].map((name) => [name, file]));
  const { resolve } = await scene(t, {}, files);
  const tagged = await resolve("org/tiny:q8_0");
  assert.equal(tagged.model.kind, "gguf");
  assert.match(tagged.model.path, /m-Q8_0\.gguf$/);
  assert.match((await resolve()).model.path, /m-Q4_K_M\.gguf$/);
  await assert.rejects(resolve("org/tiny:Q4_K"), (error) => {
    failure("model_unavailable", /no GGUF file tagged Q4_K/)(error);
    assert.match(error instanceof PagodaError ? (error.hint ?? "") : "", /m-Q4_K_M\.gguf, m-Q4_K_S\.gguf/);
    return true;
  });
});

test("two processes' worth of the same download at once give one file", async (t) => {
  const { server, resolve } = await scene(t);
  const [first, second] = await Promise.all([resolve(), resolve()]);
  assert.equal(first.model.path, second.model.path);
  const bodies = server.requests.filter((request) => request.startsWith("GET /storage/"));
  assert.equal(bodies.length, 1);
});

test("refusals of the hub say what to change", async (t) => {
  for (const [status, pattern] of [
    [401, /is not open to everyone \(401\)/],
    [404, /has no such revision or file/],
    [500, /answered 500/],
  ] as const) {
    const { resolve } = await scene(t, { status });
    await assert.rejects(resolve(), failure("model_unavailable", pattern));
  }
});

test("a repository that was renamed is found under its old name", async (t) => {
  const { resolve } = await scene(t);
  const { model, modelId } = await resolve("old/name");
  assert.equal(modelId, "old/name");
  assert.equal(loadModelFiles(model).kind, "hf");
});

test("an HF_ENDPOINT that is not a web address is refused by name", () => {
  for (const [endpoint, pattern] of [
    ["not a url", /HF_ENDPOINT is "not a url"/],
    ["ftp://x", /HF_ENDPOINT is "ftp:\/\/x"/],
  ] as const)
    assert.throws(() => sourceSettingsFrom({ HF_ENDPOINT: endpoint }), failure("invalid_option", pattern));
});

test("file names that leave the repository are refused", async (t) => {
  const files = new Map([...tinyFiles(), ["../../evil", Buffer.from("x")]]);
  const { resolve } = await scene(t, {}, files);
  await assert.rejects(resolve(), /not inside the repository/);
});
