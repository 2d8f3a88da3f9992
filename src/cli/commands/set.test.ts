import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { changeOf, settingOf } from "./set.ts";

test("settings as they are written at a shell", () => {
  const cases: [string, readonly [string, unknown]][] = [
    ["max-num-seqs=8", ["maxNumSeqs", 8]],
    ["--max-num-seqs=8", ["maxNumSeqs", 8]],
    ["max_num_running_seqs=8", ["maxNumSeqs", 8]],
    ["enable-prefix-caching=off", ["prefixCaching", false]],
    ["resetPrefixCache=on", ["resetPrefixCache", true]],
    ["log-level=debug", ["logLevel", "debug"]],
    ["router-weights=a-0:2,a-1:0.5", ["routerWeights", { "a-0": 2, "a-1": 0.5 }]],
  ];
  for (const [pair, expected] of cases) assert.deepEqual(settingOf(pair), expected);
});

test("what is not a setting is refused with the nearest one", () => {
  const cases: [string, RegExp][] = [
    ["max-num-seqs", /is not a setting and its value/],
    ["max-num-seqs=", /'max-num-seqs=' states no value/],
    ["max-num-seq=8", /no setting 'max-num-seq'.*Use maxNumSeqs/],
    ["router-weights=a", /'a' is not an instance and its weight/],
  ];
  for (const [pair, pattern] of cases)
    assert.throws(
      () => settingOf(pair),
      (error) => error instanceof PagodaError && pattern.test(`${error.message} ${error.hint}`),
      pair,
    );
});

test("a setting that is named twice is refused, also in two spellings", () => {
  assert.deepEqual(changeOf(["max-num-seqs=8", "max-step-ms=50"]), { maxNumSeqs: 8, maxStepMs: 50 });
  assert.throws(() => changeOf(["max-num-seqs=8", "maxNumSeqs=9"]), {
    code: "invalid_option",
    message: "'maxNumSeqs=9' sets maxNumSeqs for the second time.",
  });
});
