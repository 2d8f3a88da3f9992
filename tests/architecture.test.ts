import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

/** The import table of docs/architecture.md: room -> rooms it may import besides itself. */
const mayImport: Record<string, readonly string[]> = {
  core: [],
  api: ["core"],
  backend: ["core"],
  planner: ["core"],
  model: ["core", "backend"],
  engine: ["core", "backend", "model"],
  process: ["core"],
  instance: ["core", "backend", "model", "planner", "engine"],
  fleet: ["core", "api", "backend", "model", "planner", "engine", "instance", "process"],
  server: ["core", "api"],
  dashboard: ["core", "api", "planner"],
  bench: ["core", "api", "planner", "backend", "model", "engine", "instance", "process"],
  cli: [
    "core",
    "api",
    "backend",
    "model",
    "planner",
    "engine",
    "process",
    "instance",
    "fleet",
    "server",
    "bench",
  ],
};

/** Single files that a room may import besides: what a backend says of its memory is pure arithmetic, and part of a plan. */
const mayImportFile: Record<string, readonly string[]> = {
  planner: ["backend/cpu/footprint/index.ts"],
};

const root = resolve(import.meta.dirname, "../src");
const roomOf = (file: string): string => relative(root, file).split("/")[0] ?? "";
const importPattern = /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g;

function violations(): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (!/\.tsx?$/.test(entry)) continue;
    const file = join(root, entry);
    const room = roomOf(file);
    const allowed = mayImport[room];
    if (allowed === undefined) {
      found.push(`${entry}: no room named "${room}"`);
      continue;
    }
    for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(importPattern)) {
      const imported = resolve(dirname(file), specifier);
      const target = roomOf(imported);
      const isAllowed = allowed.includes(target) || mayImportFile[room]?.includes(relative(root, imported));
      if (target !== room && !isAllowed)
        found.push(`${entry} may not import ${specifier} (${room} -> ${target})`);
    }
  }
  return found;
}

test("every import follows the room table", () => {
  assert.ok(existsSync(root));
  assert.deepEqual(violations(), []);
});
