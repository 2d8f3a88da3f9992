import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { errorStyleFaults } from "./architecture/error-style.ts";
import { houseFigures } from "./architecture/figures.ts";
import { doorsInUse, importCycles, mutualFolderPairs } from "./architecture/graph.ts";
import {
  doors,
  errorsWithoutRemedy,
  folderMayImport,
  longFiles,
  mayImport,
  mayImportFile,
  mayNameEngines,
  mostFunctionLines,
  mostLines,
  mutualFolders,
  testingDoors,
  testsMayImport,
} from "./architecture/house-rules.ts";
import { keywordPrivates, linesNamingAnEngine, longFunctions } from "./architecture/measures.ts";
import { productionFiles, type SourceFile, sourceFiles } from "./architecture/source-files.ts";

const files = sourceFiles();
const production = productionFiles();

/** Fails with the list of findings if there are any. */
function assertNone(findings: readonly string[]): void {
  assert.ok(findings.length === 0, `${findings.length} findings:\n${findings.join("\n")}`);
}

function mayImportRoom(file: SourceFile, imported: string): boolean {
  const target = imported.split("/")[0] ?? "";
  return (
    target === file.room ||
    mayImport[file.room]?.includes(target) === true ||
    mayImportFile[file.room]?.includes(imported) === true ||
    (!file.isProduction && testsMayImport[file.room]?.includes(target) === true)
  );
}

test("the parser sees imports of values, of types, dynamic ones and workers", () => {
  const importsOf = (path: string): readonly string[] =>
    files.find((file) => file.path === path)?.imports ?? [];
  assert.ok(files.length > 400 && production.length > 300);
  assert.ok(importsOf("engine/engine.ts").includes("engine/schedule/scheduler.ts"));
  assert.ok(importsOf("engine/engine-options.ts").includes("backend/backend.ts"));
  assert.ok(importsOf("cli/main.ts").some((path) => path.startsWith("cli/")));
  assert.ok(files.some((file) => file.imports.some((path) => path.endsWith(".worker.ts"))));
});

test("every import follows the room table", () => {
  const rooms = new Set(files.map((file) => file.room));
  assert.deepEqual(
    [...rooms].filter((room) => !(room in mayImport)),
    [],
  );
  const wrong = files.flatMap((file) =>
    file.imports
      .filter((imported) => !mayImportRoom(file, imported))
      .map((imported) => `${file.path} may not import ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test("the room table of docs/architecture.md is the one that holds", () => {
  const text = readFileSync(resolve(import.meta.dirname, "../docs/architecture.md"), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)` \| (.*?) \| /gm)].map(([, room, list]) => [room, list]);
  const rooms = Object.keys(mayImport);
  const expected = Object.entries(mayImport).map(([room, allowed]) => {
    if (allowed.length === rooms.length - 2) return [room, "all but dashboard"];
    const single = (mayImportFile[room] ?? []).map((file) => `and \`${file}\``);
    return [room, [...allowed, ...single].join(", ") || "nothing"];
  });
  assert.deepEqual(rows, expected);
  assert.ok(
    Object.entries(mayImport).every(([room, allowed]) => room === "cli" || !allowed.includes("dashboard")),
  );
});

test("a room is entered through its doors", () => {
  for (const [room, used] of doorsInUse(production)) {
    if (room === "core") continue;
    const closed = [...used].filter((file) => doors[room]?.includes(file) !== true);
    assert.deepEqual(closed, [], `imported from outside ${room}, and not among its doors`);
  }
});

test("tests enter a room through its doors or its door for tests", () => {
  const rooms = Object.keys(testingDoors);
  const wrong = files.flatMap((file) =>
    file.imports
      .filter((imported) => {
        const room = imported.split("/")[0] ?? "";
        if (file.isProduction || room === file.room || !rooms.includes(room)) return false;
        return testingDoors[room] !== imported && doors[room]?.includes(imported) !== true;
      })
      .map((imported) => `${file.path} may not import ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test("folders inside a room import each other as their rules say", () => {
  const wrong = production.flatMap((file) => {
    const rule = Object.entries(folderMayImport).find(([folder]) => file.path.startsWith(`${folder}/`));
    if (rule === undefined) return [];
    const [folder, allowed] = rule;
    return file.imports
      .filter(
        (imported) => ![folder, ...allowed].some((place) => join(imported, "/").startsWith(`${place}/`)),
      )
      .map((imported) => `${file.path} may not import ${imported}`);
  });
  assert.deepEqual(wrong, []);
});

test("no file imports itself by way of others, types included", () => {
  assertNone(importCycles(production).flat());
});

test("folders import each other one way", () => {
  const pairs = mutualFolderPairs(production).filter((pair) => !(pair in mutualFolders));
  assertNone(pairs);
  assert.ok(Object.keys(mutualFolders).length <= 4);
});

test("the product imports nothing that only tests use", () => {
  const isProduction = new Map(files.map((file) => [file.path, file.isProduction]));
  const wrong = production.flatMap((file) =>
    file.imports
      .filter((imported) => isProduction.get(imported) === false)
      .map((path) => `${file.path} → ${path}`),
  );
  assertNone(wrong);
});

test("files, functions and folders stay small", () => {
  const long = files.filter((file) => file.numLines > mostLines && !(file.path in longFiles));
  assert.deepEqual(
    long.map((file) => `${file.path}: ${file.numLines} lines`),
    [],
  );
  assertNone(production.flatMap((file) => longFunctions(file, mostFunctionLines)));
  assertNone(houseFigures().largeFolders);
});

test("no folder and no file is called utils", () => {
  assert.deepEqual(
    files
      .map((file) => file.path)
      .filter((path) => /(?:^|\/)(?:utils?|helpers?|misc)(?:\/|\.ts$|-)/.test(path)),
    [],
  );
});

test("members are made private with #", () => {
  assertNone(files.flatMap(keywordPrivates));
});

test("engines are named in their folders alone", () => {
  assertNone(houseFigures().linesNamingAnEngine);
});

test("identifiers and file names spell quantization the American way", () => {
  assertNone(houseFigures().britishNames);
});

test("every error is a sentence, with a hint that says what to change", () => {
  const faults = errorStyleFaults(errorsWithoutRemedy);
  for (const found of faults.values()) assertNone(found);
});

test("no exception and no door is listed that nothing needs", () => {
  const used = new Set([...doorsInUse(production).values()].flatMap((set) => [...set]));
  assertNone(
    Object.values(doors)
      .flat()
      .filter((door) => !used.has(door)),
  );
  const pairs = new Set(mutualFolderPairs(production));
  assertNone(Object.keys(mutualFolders).filter((pair) => !pairs.has(pair)));
  const numLines = new Map(files.map((file) => [file.path, file.numLines]));
  assertNone(Object.keys(longFiles).filter((path) => (numLines.get(path) ?? 0) <= mostLines));
  const naming = new Set(
    production.filter((file) => linesNamingAnEngine(file).length > 0).map(({ path }) => path),
  );
  assertNone(Object.keys(mayNameEngines).filter((path) => !naming.has(path)));
});
