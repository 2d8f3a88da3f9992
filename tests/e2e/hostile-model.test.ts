/** @module A model folder that was made to stop a server: each of its traps is a named error, and other requests go on. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

type Json = Record<string, unknown>;

/** The tiny model with its tokenizer and its template changed. */
function hostileModel(t: TestContext, tokenizer: Json, template: string): string {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-hostile-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(tinyModel, folder, { recursive: true });
  const change = (name: string, changes: Json): void => {
    const path = join(folder, name);
    const original = JSON.parse(readFileSync(path, "utf8")) as Json;
    writeFileSync(path, JSON.stringify({ ...original, ...changes }));
  };
  change("tokenizer.json", tokenizer);
  change("tokenizer_config.json", { chat_template: template });
  return folder;
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const doubling = { type: "Replace", pattern: { String: "a" }, content: "aa" };

test("patterns, doubling steps and nested loops of a hostile model", async (t) => {
  const folder = hostileModel(
    t,
    {
      normalizer: { type: "Sequence", normalizers: Array(24).fill(doubling) },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: "(b+)+$" }, behavior: "Isolated", invert: false },
          byteLevel,
        ],
      },
    },
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
  );
  const args = [
    "serve",
    folder,
    "--port",
    "0",
    "--threads",
    "1",
    "--memory",
    "300MiB",
    "--log-level",
    "fatal",
  ];
  const pagoda = new PagodaProcess(t, args);
  const url = await pagoda.ready();
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const { error } = (await answer.json()) as { error?: { code: string; message: string } };
    return { status: answer.status, code: error?.code, message: error?.message ?? "" };
  };
  const slow = await post("completions", { prompt: `${"b".repeat(60)}!`, max_tokens: 2 });
  assert.deepEqual([slow.status, slow.code], [400, "model_invalid"]);
  assert.match(slow.message, /pattern \(b\+\)\+\$ takes more than/);
  const long = await post("completions", { prompt: "a", max_tokens: 2 });
  assert.deepEqual([long.status, long.code], [400, "model_invalid"]);
  assert.match(long.message, /rewriting steps make more than/);
  const looping = await post("chat/completions", {
    messages: [{ role: "user", content: "x" }],
    max_tokens: 2,
  });
  assert.deepEqual([looping.status, looping.code], [400, "invalid_request"]);
  assert.match(looping.message, /more than \d+ steps/);
  assert.equal((await post("completions", { prompt: [5, 6, 7], max_tokens: 2 })).status, 200);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
