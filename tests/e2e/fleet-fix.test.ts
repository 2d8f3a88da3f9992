/** `restart: fix` under `pagoda up`: real starts that fail, explained, changed once and started again, or not. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { complete, fleetFolder, viewAt } from "../../src/cli/testing/fleet-folder.ts";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const binary = fileURLToPath(new URL("../../bin/pagoda.js", import.meta.url));

/** A start script of the site, with a setting or a flag that the fleet file does not know. */
function siteScript(path: string, variable: string, lastFlags = ""): string {
  writeFileSync(path, `#!/bin/sh\n${variable} exec "${process.execPath}" "${binary}" "$@" ${lastFlags}\n`);
  chmodSync(path, 0o700);
  return path;
}

const fleet = (models: readonly string[]): string =>
  `name: fix\nserver: {port: 0}\nmodels:\n${models.map((model) => `  ${model}\n`).join("")}`;
const model = (name: string, more: string): string =>
  `${name}: {model: ${tinyModel}, memory: 300MiB, ${more}}`;

test("a start that fails is changed as its explanation says, once, and says so; without restart: fix it is not", {
  skip,
}, async (t) => {
  const { folder, write, up, run } = fleetFolder(t, "");
  const small = siteScript(
    join(folder, "small-pool.sh"),
    "PAGODA_NUM_GPU_BLOCKS_OVERRIDE=3 PAGODA_MAX_MODEL_LEN=256",
  );
  const stubborn = siteScript(join(folder, "stubborn.sh"), "", "--memory 100MiB");
  const template = "flags: {chat-template: /no/such.jinja}";
  write(
    fleet([
      model("template", `restart: fix, ${template}`),
      model("pool", `restart: fix, program: ${small}`),
      model("stubborn", `restart: fix, program: ${stubborn}`),
      model("plain", template),
    ]),
  );
  const { url } = await up();
  const { instances, events } = await viewAt(url);
  const of = (name: string) => ({
    instance: instances.find((instance) => instance.model === name),
    events: events.filter(({ instanceId }) => instanceId === `${name}-0`),
  });
  const states = (name: string) => of(name).events.map(({ state }) => state);
  const fixed = ["waiting", "starting", "pausing", "waiting", "starting", "ready"];
  assert.deepEqual(states("template"), fixed);
  assert.match(
    of("template").events[2]?.reason ?? "",
    /The chat template file \/no\/such\.jinja does not exist\. .*It is started again without --chat-template \(restart: fix\)\.$/,
  );
  assert.match(of("template").instance?.reason ?? "", /sequences, started without --chat-template$/);
  assert.deepEqual(states("pool"), fixed);
  const [, words, numBlocks] =
    /(The KV pool .*) It is started again with --num-gpu-blocks-override (\d+) \(restart: fix\)\.$/.exec(
      of("pool").events[2]?.reason ?? "",
    ) ?? [];
  assert.match(words ?? "", /NUM_GPU_BLOCKS_OVERRIDE=3\) holds 48 tokens/);
  assert.match(of("pool").instance?.reason ?? "", new RegExp(`^${16 * Number(numBlocks)} KV tokens, `));
  for (const name of ["template", "pool"]) assert.equal((await complete(url, name)).status, 200);
  // The script overrules the change: the second failure is final.
  assert.deepEqual(states("stubborn"), [...fixed.slice(0, 5), "failed"]);
  assert.deepEqual(states("plain"), ["waiting", "starting", "failed"]);
  assert.match(
    of("plain").instance?.reason ?? "",
    /which has braces\. It would start without --chat-template\.$/,
  );
  const refused = await complete(url, "plain");
  assert.match(await refused.text(), /plain could not be started: .*It would start without --chat-template/);
  assert.match((await run("ps")).stdout, /plain-0 +failed .*It would start without --chat-template\.\n/);
});

test("a change that needs more than the file allows is not taken", { skip }, async (t) => {
  const { folder, write, up } = fleetFolder(t, "");
  const script = siteScript(
    join(folder, "many-sequences.sh"),
    "PAGODA_MAX_NUM_SEQS=4096 PAGODA_MAX_NUM_BATCHED_TOKENS=65536",
  );
  write(fleet([model("wide", `restart: fix, program: ${script}`)]));
  const { url } = await up();
  const { instances, events } = await viewAt(url);
  assert.deepEqual(
    events.map(({ state }) => state),
    ["waiting", "starting", "failed"],
  );
  assert.match(instances[0]?.reason ?? "", /allows 300\.0 MiB.* It would start with --memory \d+MiB\.$/);
});
