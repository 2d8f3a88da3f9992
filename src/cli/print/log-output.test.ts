import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { test } from "node:test";

const program = `
import { LogOutput } from ${JSON.stringify(new URL("./log-output.ts", import.meta.url).href)};
const output = new LogOutput();
for (let i = 0; i < 4096; i++) output.write(String(i).padEnd(1023, ".") + "\\n");
setImmediate(() => process.stdout.write(String(output.numDropped), () => process.exit(0)));
`;

/** Runs a process that writes 4096 lines of 1 KiB to its log; returns how many it counts as dropped. */
async function numDroppedInto(stderr: number | "pipe"): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", stderr],
  });
  let stdout = "";
  child.stdout?.on("data", (data) => {
    stdout += String(data);
  });
  // Nobody reads the pipe: only what the sockets hold is taken.
  const [code] = await once(child, "close");
  child.stderr?.destroy();
  assert.equal(code, 0);
  return Number(stdout);
}

test("a pipe that nobody reads: lines beyond a bound are dropped and counted, and the process goes on", async () => {
  const numDropped = await numDroppedInto("pipe");
  assert.ok(numDropped > 2048 && numDropped < 4096, `${numDropped} were dropped`);
});

test("a full disk: every line is counted, and the process goes on", async () => {
  assert.equal(await numDroppedInto(openSync("/dev/full", "w")), 4096);
});

test("a device that takes everything: no line is counted", async () => {
  assert.equal(await numDroppedInto(openSync("/dev/null", "w")), 0);
});
