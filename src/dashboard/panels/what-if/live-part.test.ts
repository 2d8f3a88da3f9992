import assert from "node:assert/strict";
import { test } from "node:test";
import type { SettingsState } from "../../../api/admin/observatory/index.ts";
import { livePartOf } from "./live-part.ts";
import { questionIn } from "./question.ts";

const numbers = { maxNumSeqs: 8, maxNumBatchedTokens: 512, maxModelLen: 4096, maxNumBlocks: 900 };
const state: SettingsState = {
  revision: 0,
  state: "applied",
  requested: { ...numbers, maxStepMs: 200, prefixCaching: true },
  effective: { ...numbers, maxStepMs: 200, prefixCaching: true },
  ceilings: numbers,
};

test("what is within the allocation is applied, the rest needs another start, and assumptions are neither", () => {
  const asked = { seats: "4", "step-tokens": "1024", length: "4096", block: "32", context: "99", used: "5" };
  assert.deepEqual(livePartOf(questionIn(asked), state), {
    change: { maxNumSeqs: 4 },
    liveFields: ["seats"],
    restartFields: ["stepTokens", "blockSize"],
  });
  assert.deepEqual(livePartOf(questionIn({}), state), { change: {}, liveFields: [], restartFields: [] });
});
