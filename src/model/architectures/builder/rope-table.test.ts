import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { parseHuggingFaceConfig } from "../../config/huggingface-config.ts";
import { ropeTable } from "./rope-table.ts";

/** Configs and what transformers' own functions make of them. */
const fixture = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../../../tests/fixtures/rope-frequencies.json"), "utf8"),
);

describe("rope tables", () => {
  for (const [name, expected] of Object.entries<{
    readonly config: Record<string, unknown>;
    readonly maxModelLen: number;
    readonly inverseFrequencies: readonly number[];
    readonly attentionFactor: number;
  }>(fixture.cases))
    it(`${name}, as transformers computes them`, () => {
      const config = parseHuggingFaceConfig(expected.config);
      const [rope] = config.ropes;
      assert.ok(rope);
      const table = ropeTable(rope, config.rotaryDim, expected.maxModelLen);
      assert.equal(table.inverseFrequencies.length, expected.inverseFrequencies.length);
      assert.ok(Math.abs(table.attentionFactor - expected.attentionFactor) < 1e-9);
      // transformers computes in float32.
      table.inverseFrequencies.forEach((frequency, i) => {
        const other = expected.inverseFrequencies[i] ?? Number.NaN;
        assert.ok(Math.abs(frequency / other - 1) < 2e-6, `pair ${i}: ${frequency} instead of ${other}`);
      });
    });

  it("divisors stored by a converter divide the plain frequencies", () => {
    const table = ropeTable({ kind: "factors", theta: 100, factors: [1, 4] }, 4, 64);
    assert.deepEqual(table.inverseFrequencies, [1, 0.1 / 4]);
  });
});
