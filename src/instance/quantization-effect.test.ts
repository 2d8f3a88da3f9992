import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import type { TensorType } from "../core/tensor-type.ts";
import { buildProgram } from "../model/architectures/build-program.ts";
import { parseGgufConfig } from "../model/config/gguf-config.ts";
import { temporaryFolder } from "../model/testing/temporary-folder.ts";
import { tinyByteLevelGguf } from "../model/testing/tiny-gguf.ts";
import { readGguf } from "../model/weights/gguf.ts";
import type { StoredTensor } from "../model/weights/tensor-directory.ts";
import { quantizationNote } from "./quantization-effect.ts";

/** The tiny model with the encodings that `typeOf` says, as stored and at four bits. */
function note(t: { after(action: () => void): void }, typeOf: (tensor: StoredTensor) => TensorType) {
  const path = join(temporaryFolder(t), "m.gguf");
  writeFileSync(path, tinyByteLevelGguf());
  const { metadata, tensors } = readGguf(path);
  const changed = new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      tensor.shape.length === 1 ? tensor : { ...tensor, type: typeOf(tensor) },
    ]),
  );
  const config = parseGgufConfig(metadata, changed);
  const program = (quantization: "int4" | null) => buildProgram(config, changed, { quantization });
  return quantizationNote("int4", program(null), program("int4"));
}

test("a quantization that would change nothing is refused, one that changes a part says what stays", (t) => {
  assert.equal(
    note(t, () => "F16"),
    null,
  );
  assert.throws(
    () => note(t, () => "Q4_1"),
    (error) =>
      error instanceof PagodaError &&
      error.code === "invalid_option" &&
      error.param === "quantization" &&
      error.message.includes("all 15 matrices of the model are stored as Q4_1"),
  );
  assert.equal(
    note(t, ({ name }) => (name === "token_embd.weight" ? "BF16" : "IQ4_XS")),
    "--quantization int4 changes 1 of 15 matrices; the others are stored as IQ4_XS",
  );
});
