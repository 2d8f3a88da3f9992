#!/usr/bin/env node
// Starts the command line. An older Node hands over to the one that npm installed with Pagoda.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const oldestNode = 24;

/** Replaces this process where Node can (22.15), so that no second one stays resident; else waits for a child. */
function handOverTo(newerNode) {
  const script = fileURLToPath(import.meta.url);
  const rest = process.argv.slice(2);
  if (process.execve !== undefined) process.execve(newerNode, [newerNode, script, ...rest], process.env);
  const child = spawn(newerNode, [script, ...rest], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  const bundled = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  if (existsSync(bundled)) {
    handOverTo(bundled);
  } else {
    console.error(
      `pagoda needs Node ${oldestNode} or newer; this is ${process.versions.node}. Run npm ci first, or install a newer Node.`,
    );
    process.exit(1);
  }
} else {
  // Compiled code and stripped types are kept between starts: a faster start, and 20 MB less resident.
  module.enableCompileCache();
  const compiled = new URL("../dist/cli/main.js", import.meta.url);
  const source = new URL("../src/cli/main.ts", import.meta.url);
  await import(existsSync(source) ? source.href : compiled.href);
}
