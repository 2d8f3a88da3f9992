/** @module The shape that the planner derives from a configuration alone is that of the program which headers give. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cpuFootprint } from "../src/backend/cpu/footprint/index.ts";
import { buildProgram } from "../src/model/architectures/build-program.ts";
import { parseHuggingFaceConfig } from "../src/model/config/huggingface-config.ts";
import { readSafetensorsFolder } from "../src/model/weights/safetensors.ts";
import { shapeOfFacts } from "../src/planner/engines/pagoda/memory/model-shape.ts";
import { parseModelConfig } from "../src/planner/model/parse-config.ts";

const tiny = join(import.meta.dirname, "fixtures/tiny");
const models = readdirSync(tiny, { withFileTypes: true }).filter((entry) => entry.isDirectory());

const limits = {
  blockSize: 16,
  numBlocks: 64,
  kvDtype: "f16",
  maxModelLen: 128,
  maxNumSeqs: 4,
  maxNumBatchedTokens: 64,
  maxLogprobs: 20,
  numThreads: 3,
} as const;

for (const { name } of models)
  for (const quantization of [null, "int8", "int4"] as const)
    test(`${name}, ${quantization ?? "as stored"}: the same bytes from the configuration as from the headers`, () => {
      const folder = join(tiny, name);
      const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
      const program = buildProgram(parseHuggingFaceConfig(json), readSafetensorsFolder(folder), {
        quantization,
      });
      const shape = shapeOfFacts(parseModelConfig(name, json), quantization);
      const [expected, derived] = [cpuFootprint(program, limits), cpuFootprint(shape, limits)];
      assert.deepEqual(derived.components, expected.components);
      assert.equal(shape.body.length, program.body.length);
      assert.deepEqual(
        shape.buffers.map(({ width, rows }) => `${rows} ${width}`).sort(),
        program.buffers.map(({ width, rows }) => `${rows} ${width}`).sort(),
      );
    });
