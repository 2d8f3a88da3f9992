import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

/** Asks for a document once every descriptor is taken, and again when one is free. */
const program = `
import { closeSync, openSync } from "node:fs";
import { documentText } from ${JSON.stringify(new URL("./shipped-documents.ts", import.meta.url).href)};
let last;
try { for (;;) last = openSync("/dev/null"); } catch {}
let code = null;
try { documentText("errors.md"); } catch (thrown) { code = thrown.code; }
closeSync(last);
const text = documentText("errors.md");
process.stdout.write(JSON.stringify([code, text.split("\\n")[0]]), () => process.exit(0));
`;

test("a document that cannot be opened for want of a descriptor is not said to be missing", async () => {
  const node = [process.execPath, "--input-type=module", "-e", program];
  const child = spawn("sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...node], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (data) => {
    stdout += String(data);
  });
  const [exitCode] = await once(child, "close");
  assert.equal(exitCode, 0);
  assert.deepEqual(JSON.parse(stdout), ["EMFILE", "# Errors"]);
});
