/** docs/planner-examples.md shows what the commands print now. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { renderExamples } from "../scripts/planner-examples/render.ts";

test("every example of the planner is what its command prints; npm run docs:planner renews them", () => {
  const written = readFileSync(resolve(import.meta.dirname, "../docs/planner-examples.md"), "utf8");
  assert.equal(written, renderExamples());
});
