import assert from "node:assert/strict";
import { test } from "node:test";
import { runToEnd } from "../testing/pagoda-process.ts";

test("a bench reads its options' variables, as every command does", async (t) => {
  const { code, stderr } = await runToEnd(t, ["bench", "./none.gguf"], { PAGODA_ROUNDS: "0" });
  assert.equal(code, 1);
  assert.match(stderr, /^pagoda: PAGODA_ROUNDS: '0' is not a whole number between 1 and 100/);
});
