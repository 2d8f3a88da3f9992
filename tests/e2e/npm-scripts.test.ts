/** @module The scripts of package.json: npm signals the shell, so the shell must have become Pagoda. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const skip = spawnSync("npm", ["--version"]).status === 0 ? false : "npm is not there";

test("scripts that run Pagoda hand their process to it", () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  for (const name of ["start", "pagoda", "bench"])
    assert.match(scripts[name], /^exec node bin\/pagoda\.js/, name);
});

test("npm start looks where the person is, and SIGTERM to it ends the server", { skip }, async (t) => {
  const model = `./${basename(tinyModel)}`;
  const args = ["--prefix", root, "start", "--", model, "--backend", "reference", "--port", "0"];
  const cwd = dirname(tinyModel);
  const npm = spawn("npm", args, { cwd, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  // Holds until the last process that can write to the pipe has ended.
  const closed = once(npm, "close");
  t.after(() => {
    try {
      process.kill(-(npm.pid ?? Number.NaN), "SIGKILL");
    } catch {
      // Nothing of the group is left.
    }
  });
  let stdout = "";
  npm.stdout.on("data", (data) => {
    stdout += String(data);
  });
  while (!stdout.includes("ready at"))
    await Promise.race([once(npm.stdout, "data"), closed.then(() => assert.fail(stdout))]);
  npm.kill("SIGTERM");
  await closed;
  const [, url] = /ready at (\S+)\/v1/.exec(stdout) ?? [];
  await assert.rejects(fetch(`${url}/health`));
});
