import assert from "node:assert/strict";
import { test } from "node:test";
import { GGMLQuantizationType } from "@huggingface/gguf";
import { ggmlTypeNumbers, ggmlTypeOf, refusedGgmlType } from "./ggml-types.ts";

test("numbers and names are those of the @huggingface/gguf package, and none of its types is unknown", () => {
  for (const [name, number] of Object.entries(GGMLQuantizationType)) {
    if (typeof number !== "number") continue;
    const type = ggmlTypeOf(number);
    if (type === undefined)
      assert.match(refusedGgmlType(number), new RegExp(`GGML type ${name} \\(${number}\\)`));
    else assert.equal(type, name);
  }
  for (const [name, number] of Object.entries(ggmlTypeNumbers))
    assert.equal(GGMLQuantizationType[number], name);
});
