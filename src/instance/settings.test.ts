import assert from "node:assert/strict";
import { test } from "node:test";
import { readOptions } from "../core/options/read-options.ts";
import { engineOptions } from "./options.ts";
import { resolveSettings } from "./settings.ts";

test("ranks and the reference backend exclude each other, and the message names both as they were typed", () => {
  const settingsOf = (given: Readonly<Record<string, unknown>>) =>
    resolveSettings(readOptions(engineOptions, given, {}), 2);
  assert.throws(
    () => settingsOf({ tp: "2", backend: "reference" }),
    /^PagodaError: --tp 2 divides the CPU backend, and --backend reference asks for the reference/,
  );
  assert.equal(settingsOf({ tp: "1", backend: "reference" }).backend.value, "reference");
  assert.equal(settingsOf({ tp: "2" }).numRanks.value, 2);
});
