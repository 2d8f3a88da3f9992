import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithoutMachineCode } from "../../backend/testing/index.ts";
import { productGoalFigures } from "./kernel-figures.ts";

test("machine code's product has an absolute goal and one relative to WebAssembly, at 4, 8 and 64 columns", {
  skip: await skipWithoutMachineCode(),
}, async () => {
  const figures = await productGoalFigures("machine-code");
  const rows = figures.map(({ name, peer, goal }) => [
    Number(/, (\d+) ×/.exec(name)?.[1]),
    peer?.name,
    goal?.kind,
    goal?.value,
  ]);
  assert.deepEqual(
    rows,
    [4, 8, 64].flatMap((columns) => [
      [columns, undefined, "atLeast", 75],
      [columns, "wasm", "atLeast", 2.7],
    ]),
  );
  for (const { ours, reached } of figures) assert.ok(ours > 0 && reached > 0);
});
