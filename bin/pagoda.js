#!/usr/bin/env node
// Starts the command line. An older Node hands over to the one that npm installed with Pagoda.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
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
  await import(entry());
}

/**
 * The bundle, where there is one and no source is newer; else the sources, where they are (a checkout); else the compiled
 * files of a package.
 */
function entry() {
  const place = (path) => new URL(`../${path}`, import.meta.url);
  const bundle = place("build/program/main.js");
  const source = place("src/cli/main.ts");
  if (!existsSync(source)) return (existsSync(bundle) ? bundle : place("dist/cli/main.js")).href;
  return existsSync(bundle) && newestMs(place("src/")) < statSync(bundle).mtimeMs ? bundle.href : source.href;
}

/** When the newest file or folder below was changed. Some 10 ms. */
function newestMs(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true }))
    newest = Math.max(newest, statSync(`${parentPath}/${name}`).mtimeMs);
  return newest;
}
