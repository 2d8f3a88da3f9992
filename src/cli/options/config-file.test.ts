/** Options out of a file, as people write such files. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { readOptions } from "../../core/options/read-options.ts";
import { engineOptions } from "../../instance/index.ts";
import { withConfigFile } from "./config-file.ts";
import { protectionOptions } from "./protection-options.ts";
import { serverOptions } from "./server-options.ts";

const table = { ...engineOptions, ...serverOptions, ...protectionOptions };

function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "serve.yaml");
  return (text: string, typed: Record<string, unknown> = {}, environment: Record<string, string> = {}) => {
    writeFileSync(path, text);
    return readOptions(table, withConfigFile(table, { ...typed, config: path }, environment), environment);
  };
}

function faultOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof PagodaError) return `${thrown.message} ${thrown.hint ?? ""}`;
    throw thrown;
  }
  return "";
}

test("names as flags have them, in any of three spellings; flags win over variables, and both over the file", (t) => {
  const read = scene(t);
  const text = [
    "# the small machine",
    "model: ./model.gguf",
    "max-model-len: 8192",
    "max_num_seqs: 4",
    "gpuMemoryUtilization: 0.50",
    "enable-prefix-caching: false",
    "api-key: [one, two]",
    "override-generation-config: {temperature: 0.5}",
    "port: 8001",
  ].join("\n");
  const values = read(text, { port: "8002" }, { PAGODA_MAX_NUM_SEQS: "8" });
  assert.equal(values.modelName?.value, "./model.gguf");
  assert.deepEqual([values.port?.value, values.port?.from], [8002, "flag"]);
  assert.deepEqual([values.maxNumSeqs?.value, values.maxNumSeqs?.from], [8, "environment"]);
  assert.deepEqual([values.maxModelLen?.value, values.maxModelLen?.from], [8192, "file"]);
  assert.match(values.maxModelLen?.why ?? "", /serve\.yaml line 3: max-model-len 8192$/);
  assert.match(values.utilization?.why ?? "", /line 5: gpu-memory-utilization 0\.50$/);
  assert.equal(values.prefixCaching?.value, false);
  assert.deepEqual(values.apiKeys?.value, ["one", "two"]);
  assert.equal(values.overrideGenerationConfig?.from, "file");
});

test("JSON is read too, and an empty file says nothing", (t) => {
  const read = scene(t);
  assert.equal(read('{"max-model-len": 4096}').maxModelLen?.value, 4096);
  assert.equal(read("# nothing yet\n").maxModelLen, null);
});

test("what is wrong is said with its line and the nearest right thing", (t) => {
  const read = scene(t);
  const fault = (text: string): string => faultOf(() => read(text));
  assert.match(
    fault("port: 1\nmax-model-length: 5"),
    /line 2: there is no option "max-model-length"\. The nearest is max-model-len\./,
  );
  assert.match(fault("port: 1\nmax-num-seqs: many"), /line 2: max-num-seqs: 'many' is not a whole number/);
  assert.match(
    fault("max-num-seqs: [1, 2]"),
    /line 1: max-num-seqs takes one value, and the file has a list of 2\./,
  );
  assert.match(fault("port:"), /line 1: port has no value\./);
  assert.match(fault("port: 1\n\tport: 2"), /line 2: .* Write one NAME: VALUE a line/);
  assert.match(fault("port: 1\nport: 2"), /line 2: Map keys must be unique\./);
  assert.match(fault("memory: 1GiB\ngpu-memory-utilization: 0.5\nmemory-limit: 3"), /line 3/);
  assert.match(fault("- 1\n- 2"), /holds no options\./);
  assert.match(
    fault("models:\n  a: {model: x}"),
    /line 1: "models" belongs to a fleet file\. Start the fleet with pagoda up FILE\./,
  );
  assert.match(
    faultOf(() => withConfigFile(table, { config: "/nowhere/x.yaml" }, {})),
    /^--config: \/nowhere\/x\.yaml cannot be read: no such file or directory\. Give the path/,
  );
});
