import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { tensorTypeFacts } from "../../core/tensor-type.ts";
import { dequantize } from "../reference/dequantize.ts";
import { transcode } from "./transcode.ts";
import { repackedBytes, repackedTypeOf, type TranscodedType, transcodedTypes } from "./transcoded-types.ts";

interface Fixture {
  readonly bytes: string;
  readonly sha256: string;
  readonly first: readonly number[];
}

/** Random blocks and what ggml makes of them: tests/fixtures/make_dequantized_by_ggml.py. */
const fixtures: Readonly<Record<TranscodedType, Fixture>> = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../../tests/fixtures/dequantized-by-ggml.json"), "utf8"),
).types;

const storedBytes = (type: TranscodedType) => new Uint8Array(Buffer.from(fixtures[type].bytes, "base64"));
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function transcoded(type: TranscodedType, factor = 1): Float32Array {
  const source = storedBytes(type);
  const out = new Uint8Array(repackedBytes(type, source.length));
  transcode(type, viewOf(source), viewOf(out), factor);
  return dequantize(repackedTypeOf(type), out);
}

describe("weights as ggml decodes them, to the bit", () => {
  for (const type of transcodedTypes)
    it(type, () => {
      const { sha256, first } = fixtures[type];
      const floats = dequantize(type, storedBytes(type)).map((x) => x + 0);
      assert.deepEqual([...floats.subarray(0, first.length)], first);
      assert.equal(createHash("sha256").update(floats).digest("hex"), sha256);
    });
});

/** Largest error of a group of 32, by the rounding that each type states, relative to its largest weight. */
const tolerances: Readonly<Record<TranscodedType, number>> = {
  Q3_K: 0,
  IQ4_NL: 0,
  TQ1_0: 0,
  TQ2_0: 0,
  Q1_0: 0,
  Q2_0: 0,
  MXFP4: 0,
  // A scale rounded to f16; of IQ1_S also the offset.
  IQ4_XS: 2 ** -11,
  IQ2_XXS: 2 ** -11,
  IQ3_XXS: 2 ** -11,
  IQ3_S: 2 ** -11,
  IQ1_S: 2 ** -9,
  // Half a step of 1/127.
  Q2_K: 1 / 253,
  IQ1_M: 1 / 253,
  IQ2_XS: 1 / 253,
  IQ2_S: 1 / 253,
  NVFP4: 1 / 253,
};

/** Below it f16 has fewer digits, and none below 2^-24. */
const smallestStep = 2 ** -25;

describe("weights as they are held: exact, or rounded as stated", () => {
  for (const type of transcodedTypes)
    it(type, () => {
      const wanted = dequantize(type, storedBytes(type));
      const actual = transcoded(type);
      let numCompared = 0;
      for (let start = 0; start < wanted.length; start += 32) {
        const group = wanted.subarray(start, start + 32);
        const largest = Math.max(...group.map(Math.abs));
        // MXFP4's exponents reach beyond those of f16.
        if (type === "MXFP4" && (largest < 2 ** -22 || largest > 2 ** 16)) continue;
        numCompared++;
        const allowed = tolerances[type] === 0 ? 0 : tolerances[type] * largest + 130 * smallestStep;
        group.forEach((w, i) => {
          const error = Math.abs((actual[start + i] ?? Number.NaN) - w);
          assert.ok(error <= allowed, `weight ${start + i} is ${w}, off by ${error}, ${allowed} is allowed`);
        });
      }
      assert.ok(numCompared > (type === "MXFP4" ? 1 : wanted.length / 33));
    });

  it("in place: the source may end where the result does", () => {
    for (const type of transcodedTypes) {
      const source = storedBytes(type);
      const numBytes = repackedBytes(type, source.length);
      const shared = new Uint8Array(numBytes);
      shared.set(source, numBytes - source.length);
      transcode(type, viewOf(shared.subarray(numBytes - source.length)), viewOf(shared), 1);
      assert.deepEqual(dequantize(repackedTypeOf(type), shared), transcoded(type), type);
    }
  });

  it("are multiplied by the factor of the tensor", () => {
    for (const type of ["NVFP4", "TQ2_0"] as const) {
      const [once, doubled] = [transcoded(type), transcoded(type, 2)];
      assert.deepEqual(
        doubled,
        once.map((w) => 2 * w),
      );
    }
  });

  it("a group of Q3_K whose largest product is 128 keeps its numbers with the sign in the scale", () => {
    const block = new Uint8Array(tensorTypeFacts.Q3_K.bytesPerBlock);
    const view = viewOf(block);
    view.setFloat16(108, 0.5, true);
    // All scales −32 and all numbers 0 − 4: products of 128.
    const out = new Uint8Array(repackedBytes("Q3_K", block.length));
    transcode("Q3_K", view, viewOf(out), 1);
    assert.ok(dequantize("Q8_0", out).every((w) => w === 64));
  });
});
