import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { decisionIndex, faultsOf, readDecisions } from "../scripts/decision-index.ts";
import { storageOf } from "../src/backend/backend.ts";
import { protectionOptions } from "../src/cli/options/protection-options.ts";
import { serverOptions } from "../src/cli/options/server-options.ts";
import { errorCatalogue } from "../src/core/errors.ts";
import { variableOf } from "../src/core/options/option.ts";
import { type TensorType, tensorTypeFacts } from "../src/core/tensor-type.ts";
import { engineOptions } from "../src/instance/index.ts";
import { architectureNames } from "../src/model/config/model-config.ts";
import { familyRecommendations } from "../src/model/generation-defaults/family-recommendations.ts";

const root = resolve(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("docs/errors.md and the catalogue list the same codes, with the same statuses", () => {
  const rows = [...read("docs/errors.md").matchAll(/^\| `(\w+)` \| (\d{3})?/gm)];
  assert.deepEqual(rows.map(([, code]) => code).sort(), Object.keys(errorCatalogue).sort());
  for (const [, code = "", status] of rows) {
    if (status === undefined) continue;
    const entry = Object.entries(errorCatalogue).find(([name]) => name === code);
    assert.equal(entry?.[1].status, Number(status), code);
  }
});

test("docs/options.md lists every spelling and variable of pagoda serve, and no other", () => {
  const table = Object.values({ ...engineOptions, ...serverOptions, ...protectionOptions });
  const text = read("docs/options.md");
  const documented = [...text.matchAll(/^\| (`--.*?) \| `(PAGODA_\w+)`/gm)].flatMap(
    ([, flags = "", variable = ""]) => [
      ...[...flags.matchAll(/`(--[\w-]+)/g)].map(([, flag = ""]) => flag),
      variable,
    ],
  );
  const real = table.flatMap((option) => [...option.spellings.map(({ flag }) => flag), variableOf(option)]);
  assert.deepEqual(documented.sort(), real.sort());
});

test("links between the documents lead somewhere", () => {
  const documents = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => join("docs", path));
  for (const document of ["README.md", "CONTRIBUTING.md", ...documents])
    for (const [, target = ""] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      assert.doesNotThrow(
        () => readFileSync(resolve(root, dirname(document), target)),
        `${document}: ${target}`,
      );
});

test("docs/sampling-defaults.md has every recommendation with its values and its source", () => {
  const text = read("docs/sampling-defaults.md");
  for (const { family, sampling, source } of familyRecommendations) {
    const values = [
      sampling.temperature,
      sampling.topP,
      sampling.topK,
      sampling.minP,
      sampling.repetitionPenalty,
    ];
    const row = [family, ...values.map((value) => value ?? "–"), source].join(" | ");
    assert.ok(text.includes(`| ${row} |`), row);
  }
});

test("docs/models.md has every encoding, its bits a weight on disk, and what holds it in memory", () => {
  const held = { q4: "4 bits (5)", q8: "8 bits (8.5)", f16: "f16 (16)", bf16: "bf16 (16)", f32: "f32 (32)" };
  const rows = [...read("docs/models.md").matchAll(/^\| `([A-Z0-9_]+)` \| ([\d.]+) \| ([^|]+?) \|/gm)];
  const documented = rows.map(([, type = "", bits, memory]) => [type, Number(bits), memory]).sort();
  const real = Object.entries(tensorTypeFacts).map(([type, { weightsPerBlock, bytesPerBlock }]) => [
    type,
    (8 * bytesPerBlock) / weightsPerBlock,
    held[storageOf(type as TensorType)],
  ]);
  assert.deepEqual(documented, real.sort());
});

test("decisions have the form of decision 000, and their index lists them", () => {
  const records = readDecisions();
  const rooms = readdirSync(join(root, "src"));
  assert.ok(records.length > 80);
  assert.deepEqual(faultsOf(records, new Set(["house", ...rooms])), []);
  const message = "run node scripts/build-decision-index.ts";
  assert.equal(read("docs/decisions/README.md"), decisionIndex(records), message);
});

test("every message of docs/troubleshooting.md is in the source", () => {
  const sources = [
    ...readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }),
    "../bin/pagoda.js",
  ]
    .filter((path) => /(?<!\.test)\.(ts|js)$/.test(path))
    .map((path) => read(join("src", path)));
  const messages = [...read("docs/troubleshooting.md").matchAll(/^\| `([^`|]+)` \| /gm)].map(
    ([, message = ""]) => message,
  );
  assert.ok(messages.length >= 12);
  for (const message of messages) {
    // Its fixed parts, as a template has them between what is filled in.
    const parts = message.split("…").map((part) => part.trim());
    const words = parts.filter((part) => part.length > 3);
    const isThere = sources.some((source) => words.every((part) => source.includes(part)));
    assert.ok(words.length > 0 && isThere, message);
  }
});

test("files that the documents name are there", () => {
  const rooms = readdirSync(join(root, "src")).join("|");
  const path = new RegExp(`\`((?:src|tests|scripts|docs|${rooms})/[\\w./-]+)\``, "g");
  const documents = [
    "CONTRIBUTING.md",
    ...["architecture", "request-lifecycle", "glossary", "error-style"].map((name) => `docs/${name}.md`),
  ];
  const candidates = (named: string): string[] =>
    ["", "src/"].flatMap((folder) => ["", ".ts"].map((ending) => join(root, folder + named + ending)));
  for (const document of documents)
    for (const [, named = ""] of read(document)
      .replaceAll(/`[^`]*NAME[^`]*`/g, "")
      .matchAll(path))
      assert.ok(candidates(named).some(existsSync), `${document} names ${named}, which does not exist`);
});

test("docs/models.md lists the architectures that run, and no other", () => {
  const [, row = ""] = /^\| architectures, by `model_type` \| (.*) \|$/m.exec(read("docs/models.md")) ?? [];
  assert.deepEqual(
    [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort(),
    [...architectureNames].sort(),
  );
});
