/** @module Damaged models through the command line: one line on standard error and exit code 1, every time. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { PagodaError } from "../src/core/errors.ts";
import { loadModelFiles, localModelAt } from "../src/model/model-files.ts";
import { tinyFolder } from "../src/model/testing/fixtures.ts";
import { mutated } from "../src/model/testing/mutations.ts";
import { tinyByteLevelGguf } from "../src/model/testing/tiny-gguf.ts";

const program = resolve(import.meta.dirname, "../bin/pagoda.js");
const scratch = mkdtempSync(join(tmpdir(), "pagoda-damaged-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | string | null | undefined;
  readonly output: string;
  readonly complaint: string;
}

function runPagoda(model: string): Promise<Outcome> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [program, "run", model, "Hi", "--max-tokens", "1"],
      (fault, output, complaint) => done({ code: fault === null ? 0 : fault.code, output, complaint }),
    );
  });
}

/** The first `numWanted` seeds whose damage the readers refuse; harmless damage is of no use here. */
function damagedModels(numWanted: number, write: (seed: number) => string): readonly string[] {
  const models: string[] = [];
  for (let seed = 0; models.length < numWanted; seed++) {
    const model = write(seed);
    try {
      loadModelFiles(localModelAt(model));
    } catch (error) {
      assert.ok(error instanceof PagodaError, `seed ${seed}: ${error}`);
      models.push(model);
    }
  }
  return models;
}

function writeGguf(seed: number): string {
  const path = join(scratch, `${seed}.gguf`);
  writeFileSync(path, mutated(tinyByteLevelGguf(), seed, 8192));
  return path;
}

/** A folder of which one file is damaged. */
function writeFolder(fileName: string, focusBytes: number): (seed: number) => string {
  return (seed) => {
    const folder = join(scratch, `${fileName}-${seed}`);
    cpSync(tinyFolder("llama-tied-odd-heads"), folder, { recursive: true });
    const path = join(folder, fileName);
    writeFileSync(path, mutated(readFileSync(path), seed, focusBytes));
    return folder;
  };
}

test("20 damaged models: one line, exit code 1", { timeout: 300_000 }, async () => {
  const models = [
    ...damagedModels(8, writeGguf),
    ...damagedModels(4, writeFolder("model.safetensors", 2048)),
    ...damagedModels(4, writeFolder("config.json", 700)),
    ...damagedModels(4, writeFolder("tokenizer.json", 8192)),
  ];
  assert.equal(models.length, 20);
  for (const model of models) {
    const { code, output, complaint } = await runPagoda(model);
    assert.equal(code, 1, `${model}: ${complaint}`);
    assert.equal(output, "", model);
    assert.match(complaint, /^pagoda: .+\n$/, model);
  }
});
