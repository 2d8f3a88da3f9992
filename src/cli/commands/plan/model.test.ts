/** Where the facts of a planned model come from: a hub on the loopback, its cache, a folder in another number type. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sourceSettingsFrom } from "../../../model/source/resolve-model.ts";
import { tinyFolder } from "../../../model/testing/fixtures.ts";
import { HubServer, type HubServerFaults } from "../../../model/testing/hub-server.ts";
import { temporaryFolder } from "../../../model/testing/temporary-folder.ts";
import { readSafetensorsFolder, storedTensorBytes } from "../../../model/weights/safetensors.ts";
import { draftOf, planModel } from "./model.ts";

function tinyFiles(): Map<string, Buffer> {
  const folder = tinyFolder("qwen3");
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

async function hub(t: TestContext, files: ReadonlyMap<string, Buffer>, faults: HubServerFaults = {}) {
  const server = new HubServer(files, faults);
  const endpoint = await server.start();
  t.after(() => server.stop());
  const home = temporaryFolder(t);
  const environment = { HF_ENDPOINT: endpoint, HF_HOME: join(home, "hf"), PAGODA_CACHE: join(home, "own") };
  return { server, environment, settings: sourceSettingsFrom(environment) };
}

test("of a hub id only headers are read, once; offline they come from the cache", async (t) => {
  const { server, environment, settings } = await hub(t, tinyFiles());
  const found = await planModel("org/tiny", settings);
  const { facts, stored, from, local } = found;
  assert.equal(from, "hub");
  // The headers alone are enough for the whole program.
  assert.ok(local !== null);
  assert.deepEqual(
    [...readSafetensorsFolder(local.path).values()].map(({ shape, type }) => [shape, type]),
    [...readSafetensorsFolder(tinyFolder("qwen3")).values()].map(({ shape, type }) => [shape, type]),
  );
  assert.equal(facts.name, "org/tiny");
  assert.equal(stored?.expectedBytes, storedTensorBytes(tinyFolder("qwen3")));
  const weights = server.requests.filter((line) => line.startsWith("GET") && line.includes("safetensors "));
  assert.ok(
    weights.length > 0 && weights.every((line) => line.endsWith("bytes=0-65535")),
    server.requests.join("\n"),
  );
  const numRequests = server.requests.length;
  await planModel("org/tiny", settings);
  assert.equal(server.requests.length, numRequests + 1, "only which commit main is now");
  server.stop();
  const offline = await planModel("org/tiny", sourceSettingsFrom({ ...environment, HF_HUB_OFFLINE: "1" }));
  assert.deepEqual(offline, found);
  assert.deepEqual([facts.name, stored?.expectedBytes], ["org/tiny", offline.stored?.expectedBytes]);
});

test("a hub that knows no ranges is cut off after the header", async (t) => {
  const { settings } = await hub(t, tinyFiles(), { ignoresRanges: true });
  const { stored } = await planModel("org/tiny", settings);
  assert.equal(stored?.expectedBytes, storedTensorBytes(tinyFolder("qwen3")));
});

test("a repository without safetensors is planned by its config.json alone", async (t) => {
  const files = new Map([...tinyFiles()].filter(([name]) => name === "config.json"));
  const { settings } = await hub(t, files);
  const { facts, stored } = await planModel("org/tiny", settings);
  assert.equal(stored, null);
  assert.ok(facts.layers.length > 0);
});

test("a hub that refuses, and a cache that has nothing, are said", async (t) => {
  const refusing = await hub(t, tinyFiles(), { status: 401 });
  await assert.rejects(planModel("org/tiny", refusing.settings), /not open to everyone \(401\)/);
  const offline = sourceSettingsFrom({ ...refusing.environment, HF_HUB_OFFLINE: "1" });
  await assert.rejects(planModel("org/tiny", offline), /not in the cache, and the hub may not be asked/);
});

/** Keys, lengths and values of the smallest GGUF that names a Llama, with `numPadding` bytes of vocabulary. */
function tinyGguf(numPadding: number): Buffer {
  const text = (value: string): Buffer => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(Buffer.byteLength(value)));
    return Buffer.concat([head, Buffer.from(value)]);
  };
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const u64 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const number = (key: string, value: number): Buffer => Buffer.concat([text(key), u32(4), u32(value)]);
  const entries = [
    Buffer.concat([text("general.architecture"), u32(8), text("llama")]),
    Buffer.concat([text("padding"), u32(8), text("x".repeat(numPadding))]),
    number("llama.block_count", 2),
    number("llama.embedding_length", 64),
    number("llama.feed_forward_length", 128),
    number("llama.attention.head_count", 4),
    number("llama.attention.head_count_kv", 2),
    number("llama.context_length", 512),
    number("llama.vocab_size", 256),
  ];
  const tensor = Buffer.concat([text("token_embd.weight"), u32(2), u64(64), u64(256), u32(1), u64(0)]);
  const header = Buffer.concat([u32(0x46554747), u32(3), u64(1), u64(entries.length), ...entries, tensor]);
  const aligned = Math.ceil(header.length / 32) * 32;
  return Buffer.concat([header, Buffer.alloc(aligned - header.length), Buffer.alloc(64 * 256 * 2)]);
}

test("of a GGUF file the header is read, however long, and the rest stays a hole", async (t) => {
  for (const numPadding of [16, 9 * 2 ** 20]) {
    const file = Buffer.concat([tinyGguf(numPadding), Buffer.alloc(24 * 2 ** 20)]);
    const { server, settings } = await hub(t, new Map([["tiny-Q4_1.gguf", file]]));
    const { facts, stored } = await planModel("org/tiny", settings);
    assert.equal(facts.layers.length, 2);
    assert.equal(stored?.expectedBytes, 64 * 256 * 2);
    const ranges = server.requests.filter((line) => line.startsWith("GET /storage/"));
    assert.equal(ranges.length, numPadding > 2 ** 20 ? 2 : 1);
    const folder = join(settings.ownCacheFolder, "headers", "models--org--tiny", "snapshots", server.commit);
    const { size: numBytes, blocks } = statSync(join(folder, "tiny-Q4_1.gguf"));
    assert.equal(numBytes, file.length);
    assert.ok(blocks * 512 < file.length);
  }
});

test("a folder of packed integers is counted by its headers", (t) => {
  const folder = join(temporaryFolder(t), "packed");
  mkdirSync(folder);
  const header = JSON.stringify({ "w.qweight": { dtype: "I32", shape: [4], data_offsets: [0, 16] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(
    join(folder, "model.safetensors"),
    Buffer.concat([length, Buffer.from(header), Buffer.alloc(16)]),
  );
  assert.equal(storedTensorBytes(folder), 16);
});

test("a draft that the catalogue lacks is read from the hub; others need no look", async (t) => {
  const { server, settings } = await hub(t, tinyFiles());
  const flags = (config: object) => ({ "speculative-config": JSON.stringify(config) });
  const { draftModel } = await draftOf(flags({ model: "org/tiny", num_speculative_tokens: 2 }), settings);
  assert.equal(draftModel?.name, "org/tiny");
  const numRequests = server.requests.length;
  for (const config of [
    { method: "ngram" },
    { model: "Qwen/Qwen2.5-0.5B" },
    { method: "eagle", model: "a/b" },
  ])
    assert.deepEqual(await draftOf(flags(config), settings), {});
  assert.equal(server.requests.length, numRequests);
});
