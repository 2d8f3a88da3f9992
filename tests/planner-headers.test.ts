/** Parameters counted from configurations against the safetensors headers of real checkpoints, architecture by architecture. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ConfigObject, parseModelConfig } from "../src/planner/index.ts";
import { countParameters } from "../src/planner/model/weights/rank-tensors.ts";

interface Checkpoint {
  readonly name: string;
  readonly numNumbers: number;
  readonly config: ConfigObject;
}

const file = join(import.meta.dirname, "fixtures/planner/checkpoint-headers.json");
const checkpoints: readonly Checkpoint[] = JSON.parse(readFileSync(file, "utf8"));

test("the formula counts what the headers hold", () => {
  assert.ok(checkpoints.length >= 15);
  for (const { name, numNumbers, config } of checkpoints)
    assert.equal(countParameters(parseModelConfig(name, config)), numNumbers, name);
});
