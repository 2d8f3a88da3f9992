import assert from "node:assert/strict";
import { test } from "node:test";
import { numberRows, type SettingRow, typedValue } from "./setting-rows.ts";

const numbers = { maxNumSeqs: 8, maxNumBatchedTokens: 512, maxModelLen: 4096, maxNumBlocks: 900 };
const rows = numberRows({
  revision: 3,
  state: "applied",
  requested: { ...numbers, maxStepMs: 200, prefixCaching: true },
  effective: { ...numbers, maxNumSeqs: 12, maxStepMs: 200, prefixCaching: true },
  ceilings: { ...numbers, maxNumSeqs: 16 },
});
const row = (name: string): SettingRow => rows.find((each) => each.name === name) as SettingRow;

test("each number has what was asked for, what holds and its ceiling; the time of a step has none", () => {
  assert.deepEqual(row("maxNumSeqs"), { name: "maxNumSeqs", requested: 8, effective: 12, ceiling: 16 });
  assert.equal(row("maxStepMs").ceiling, null);
  assert.equal(rows.length, 5);
});

test("what is typed is a change, a restart, nothing, or wrong", () => {
  assert.deepEqual(typedValue("16", row("maxNumSeqs")), { kind: "change", value: 16 });
  assert.deepEqual(typedValue("17", row("maxNumSeqs")), { kind: "restart", value: 17 });
  for (const same of [undefined, "", " ", "8", "8.0"])
    assert.deepEqual(typedValue(same, row("maxNumSeqs")), { kind: "same" });
  for (const wrong of ["0", "-1", "1.5", "many", "1e99"])
    assert.deepEqual(typedValue(wrong, row("maxNumSeqs")), { kind: "wrong" }, wrong);
  assert.deepEqual(typedValue("600001", row("maxStepMs")), { kind: "wrong" });
});
