/** `pagoda chat` at a terminal: util-linux's `script` gives it one. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../../bin/pagoda.js", import.meta.url));
const hasScript = spawnSync("script", ["-qfec", "true", "/dev/null"]).status === 0;
const skip = hasScript ? false : "util-linux's script is not installed";
const interrupt = "\u0003";
const endOfInput = "\u0004";
const arrowUp = "\u001b[A";

test("Ctrl-C stops the answer and not the program, the arrow brings the question back, Ctrl-D leaves", {
  skip,
}, async (t) => {
  const command = `'${process.execPath}' '${binary}' chat --max-tokens 400 --memory 700MiB`;
  const child = spawn("script", ["-qfec", command, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", NO_COLOR: "1" },
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.after(() => child.kill("SIGKILL"));
  let shown = "";
  const changed = new EventTarget();
  child.stdout.on("data", (part) => {
    shown += String(part);
    changed.dispatchEvent(new Event("more"));
  });
  void exited.then(() => changed.dispatchEvent(new Event("more")));
  /** Waits for a pattern in what came since the last one, and takes it. */
  const until = async (pattern: RegExp): Promise<void> => {
    for (;;) {
      const found = pattern.exec(shown);
      if (found !== null) {
        shown = shown.slice(found.index + found[0].length);
        return;
      }
      assert.equal(child.exitCode, null, `it has left; ${pattern} did not come: ${shown}`);
      await new Promise((resolve) => changed.addEventListener("more", resolve, { once: true }));
    }
  };
  await until(/Ctrl-D leaves\.[\s\S]*> /);
  child.stdin.write("Tell me a very long story about a pagoda.\r");
  // The echo of the question, then the first words of the answer.
  await until(/about a pagoda\.[\r\n]+\w+ \w+/);
  child.stdin.write(interrupt);
  await until(/\(stopped\)[\s\S]*> /);
  child.stdin.write(interrupt);
  await until(/Ctrl-D or \/exit leaves\./);
  child.stdin.write(arrowUp);
  await until(/Tell me a very long story about a pagoda\./);
  child.stdin.write("\r");
  await until(/\w+ \w+ \w+/);
  child.stdin.write(interrupt);
  await until(/\(stopped\)[\s\S]*> /);
  child.stdin.write(endOfInput);
  assert.equal(await exited, 0);
});
