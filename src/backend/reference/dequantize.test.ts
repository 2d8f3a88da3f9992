import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { transcodedTypes } from "../encodings/transcoded-types.ts";
import { dequantize } from "./dequantize.ts";

/** Random blocks and what gguf-py's quants.dequantize makes of them. */
const fixture = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../../tests/fixtures/dequantized.json"), "utf8"),
);

const isTensorType = (name: string): name is TensorType => Object.hasOwn(tensorTypeFacts, name);

describe("dequantize", () => {
  const names = Object.keys(fixture.types).filter(isTensorType);
  it("covers every encoding but F32, with those of transcode.test.ts", () =>
    assert.deepEqual(new Set([...names, ...transcodedTypes, "F32"]), new Set(Object.keys(tensorTypeFacts))));

  for (const type of names)
    it(`${type} as gguf-py reads it`, () => {
      const { bytes, floats } = fixture.types[type];
      const expected = new Float32Array(new Uint8Array(Buffer.from(floats, "base64")).buffer);
      const actual = dequantize(type, Buffer.from(bytes, "base64"));
      assert.equal(actual.length, expected.length);
      // gguf-py rounds each product to f32, so numbers that nearly cancel differ in the last bits of their terms.
      const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      expected.forEach((x, i) => {
        assert.ok(
          Math.abs(x - (actual[i] ?? Number.NaN)) <= 4e-7 * largest,
          `number ${i}: ${actual[i]} instead of ${x}`,
        );
      });
    });

  it("F32 is unchanged", () => {
    const floats = Float32Array.of(1.5, -0, 3e38, Number.POSITIVE_INFINITY);
    assert.deepEqual(dequantize("F32", new Uint8Array(floats.buffer)), floats);
  });
});
