/** Blocks, tokens, concurrency and refusals of a real vLLM 0.32 (CPU build) started with small configurations. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type CapacityRow, capacityMisses } from "../scripts/eval-planner/capacity.ts";

/** The second file is written by scripts/oracle/vllm_capacity.py. */
const rows = ["vllm-capacity.jsonl", "vllm-capacity-own.jsonl"].flatMap((name) =>
  readFileSync(join(import.meta.dirname, "fixtures/planner", name), "utf8")
    .trim()
    .split("\n")
    .map((line): CapacityRow => JSON.parse(line)),
);

test("every start of a real vLLM is planned exactly, its refusals word for word", () => {
  assert.ok(rows.length >= 28);
  for (const [index, row] of rows.entries()) assert.deepEqual(capacityMisses(row), [], `row ${index}`);
});
