import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { errorLine } from "./exit-with-error.ts";

const moduleUrl = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Takes every descriptor that is left, then fails in three ways for want of one more. */
const program = `
import { openSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { readTextFile } from ${moduleUrl("../../model/files/json-file.ts")};
import { HeaderFile } from ${moduleUrl("../../model/weights/header-file.ts")};
import { errorLine } from ${moduleUrl("./exit-with-error.ts")};
const lines = [];
try { for (;;) openSync("/dev/null"); } catch (thrown) { lines.push(errorLine(thrown)); }
for (const read of [() => readTextFile("/dev/null"), () => new HeaderFile("/dev/null")])
  try { read(); } catch (thrown) { lines.push(errorLine(thrown)); }
new Worker("", { eval: true }).on("error", (thrown) => {
  lines.push(errorLine(thrown));
  process.stdout.write(JSON.stringify(lines), () => process.exit(0));
});
`;

test("a process without file descriptors says so, wherever it needs one", async () => {
  const node = [process.execPath, "--input-type=module", "-e", program];
  const child = spawn("sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...node], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (data) => {
    stdout += String(data);
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  const expected =
    "The process has as many open files and connections as it may have. " +
    "Raise the limit of open files (ulimit -n, LimitNOFILE of systemd), or close connections.";
  assert.deepEqual(JSON.parse(stdout), new Array(4).fill(expected));
});

test("an error that is our bug shows its own message", () => {
  assert.equal(errorLine(new TypeError("x is not\n  a function")), "internal error: x is not a function");
});
