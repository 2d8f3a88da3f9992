/** The file of measured starts: where it lies, that it comes back as written, and that a broken one is refused. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { type CalibrationStore, emptyCalibration } from "../../planner/index.ts";
import { calibrationPath, readCalibration, writeCalibration } from "./calibration-file.ts";

const store: CalibrationStore = {
  schema: "pagoda.calibration/1",
  entries: [
    {
      key: {
        engine: "vllm",
        version: "0.19.0",
        rules: "vLLM 0.17-0.19, V1",
        model: "o/m",
        device: "a card",
        ranks: 1,
        maxTokens: 2048,
        maxSequences: 256,
        isEager: false,
      },
      parts: { activations: { measuredBytes: 1000, errorBytes: 5, expectedBytes: 900 } },
      loaded: null,
      totalBytes: 24e9,
      source: "a log",
    },
  ],
};

test("XDG_STATE_HOME moves the file", () => {
  assert.equal(calibrationPath({ XDG_STATE_HOME: "/s" }), "/s/pagoda/calibration.json");
  assert.match(calibrationPath({}), /\.local\/state\/pagoda\/calibration\.json$/);
});

test("what was written is read; no file is an empty store; a broken one is refused with its path", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = calibrationPath({ XDG_STATE_HOME: folder });
  assert.deepEqual(readCalibration(path), emptyCalibration);
  writeCalibration(path, store);
  assert.deepEqual(readCalibration(path), store);
  for (const broken of ["{", '{"schema":"other"}']) {
    writeFileSync(path, broken);
    assert.throws(
      () => readCalibration(path),
      (error) =>
        error instanceof PagodaError && error.code === "plan_invalid" && error.message.includes(path),
    );
  }
});
