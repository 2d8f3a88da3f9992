/** `pagoda models` over a cache as huggingface_hub lays it out. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tinyModel } from "../../testing/pagoda-process.ts";

const commit = "a".repeat(40);
const binary = join(import.meta.dirname, "../../../../bin/pagoda.js");

class Cache {
  readonly folder: string;

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "pagoda-models-"));
    t.after(() => rmSync(this.folder, { recursive: true }));
  }

  repository(repoId: string): string {
    return join(this.folder, `models--${repoId.replaceAll("/", "--")}`);
  }

  /** Files are linked to blobs, which have the files' names here. */
  add(repoId: string, files: Readonly<Record<string, string | number>>): void {
    const repository = this.repository(repoId);
    const snapshot = join(repository, "snapshots", commit);
    for (const folder of [snapshot, join(repository, "blobs"), join(repository, "refs")])
      mkdirSync(folder, { recursive: true });
    writeFileSync(join(repository, "refs", "main"), commit);
    for (const [name, from] of Object.entries(files)) {
      const blob = join(repository, "blobs", `blob-of-${name}`);
      if (typeof from === "string") cpSync(from, blob);
      else writeFileSync(blob, Buffer.alloc(from));
      symlinkSync(`../../blobs/blob-of-${name}`, join(snapshot, name));
    }
  }

  run(...words: readonly string[]) {
    const environment = {
      HF_HUB_CACHE: this.folder,
      PAGODA_CACHE: join(this.folder, "own"),
      PAGODA_OFFLINE: "1",
    };
    const { stdout, stderr, status } = spawnSync(process.execPath, [binary, "models", ...words], {
      encoding: "utf8",
      input: "",
      env: { ...process.env, ...environment },
    });
    return { out: stdout, error: stderr, status };
  }
}

/** A whole model, one with two quantizations, one that was not finished, and what is no model. */
function filled(t: TestContext): Cache {
  const cache = new Cache(t);
  const names = readdirSync(tinyModel).filter((name) => !name.startsWith("."));
  cache.add("org/tiny", Object.fromEntries(names.map((name) => [name, join(tinyModel, name)])));
  cache.add("org/two-GGUF", { "two-Q4_K_M.gguf": 1000, "two-Q8_0.gguf": 3000 });
  cache.add("org/begun", { "config.json": 10 });
  writeFileSync(join(cache.repository("org/begun"), "blobs", "x.incomplete"), Buffer.alloc(500));
  mkdirSync(join(cache.folder, "datasets--org--data", "snapshots"), { recursive: true });
  return cache;
}

test("the list has each model by the name under which it is served, with its size and what fits", (t) => {
  const cache = filled(t);
  const { out, status } = cache.run("--json");
  assert.equal(status, 0);
  const { models } = JSON.parse(out) as {
    models: {
      name: string;
      numBytes: number;
      path: string | null;
      fit: { verdict: string; reason: string | null };
    }[];
  };
  assert.deepEqual(
    models.map(({ name, fit }) => [name, fit.verdict]),
    [
      ["org/begun", "unfinished"],
      ["org/tiny", "fits"],
      ["org/two-GGUF:Q4_K_M", "unsupported"],
      ["org/two-GGUF:Q8_0", "unsupported"],
    ],
  );
  assert.deepEqual(
    models.map(({ numBytes }) => numBytes).filter((_, at) => at !== 1),
    [510, 1000, 3000],
  );
  const table = cache.run("list", "two").out.split("\n");
  assert.match(table[1] ?? "", /^org\/two-GGUF:Q4_K_M +1000 B +gguf +– /);
  assert.equal(table.length, 4);
  assert.match(
    cache.run("list", "nothing").out,
    /^No model with "nothing" in its name is on this machine yet\./,
  );
});

test("one quantization goes alone, a model with all of its repository; nothing goes without a yes", (t) => {
  const cache = filled(t);
  const unasked = cache.run("remove", "org/tiny");
  assert.deepEqual([unasked.status, existsSync(cache.repository("org/tiny"))], [1, true]);
  assert.match(unasked.error, /Type pagoda models remove org\/tiny --yes\./);
  assert.match(
    cache.run("remove", "org/two-gguf:q4_k_m", "--yes").out,
    /is removed; 1000 B are free again\./,
  );
  assert.deepEqual(readdirSync(join(cache.repository("org/two-GGUF"), "blobs")), ["blob-of-two-Q8_0.gguf"]);
  assert.deepEqual(JSON.parse(cache.run("rm", "org/two-GGUF:Q8_0", "-y", "--json").out), {
    name: "org/two-GGUF:Q8_0",
    freedBytes: 3000,
  });
  assert.ok(!existsSync(cache.repository("org/two-GGUF")));
  assert.equal(cache.run("remove", "org/begun", "--yes").status, 0);
  assert.match(
    cache.run("remove", "org/tyni", "--yes").error,
    /called "org\/tyni"\. Near to it: org\/tiny\./,
  );
});

test("what is here is not pulled again, and offline says so", (t) => {
  const cache = filled(t);
  const { out, status } = cache.run("pull", "org/tiny", "--json");
  assert.equal(status, 0);
  assert.equal((JSON.parse(out) as { name: string }).name, "org/tiny");
  assert.match(
    cache.run("pull", "org/other").error,
    /org\/other is not in the cache .*, and the hub may not be asked\./,
  );
  assert.match(cache.run("pull", tinyModel).error, /is on this machine already; only hub ids are fetched\./);
});
