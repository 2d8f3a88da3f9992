/**
 * @module Logits of every position of a text of at most 512 tokens, from a GGUF file on the CPU backend.
 *
 *     node scripts/logits-of-gguf.ts FILE.gguf TOKENS.json OUT      (OUT: float32 [tokens, vocabulary])
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createBackend } from "../src/backend/create/index.ts";
import { writeSlices } from "../src/backend/testing/index.ts";
import { buildProgram } from "../src/model/architectures/build-program.ts";
import { parseGgufConfig } from "../src/model/config/gguf-config.ts";
import { readGguf } from "../src/model/weights/gguf.ts";

const [file = "", tokensFile = "", out = ""] = process.argv.slice(2);
const tokens: readonly number[] = JSON.parse(readFileSync(tokensFile, "utf8"));
const { metadata, tensors } = readGguf(file);
const program = buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
const backend = await createBackend({ name: "cpu", numThreads: 2 });
const numRows = 32;
const numBlocks = 32;
const model = await backend.load(program, {
  blockSize: 16,
  numBlocks,
  kvDtype: "f16",
  maxModelLen: 512,
  maxNumSeqs: numRows,
  maxNumBatchedTokens: numRows,
  maxLogprobs: 1,
});
const rows: Float32Array[] = [];
const blockTable = [...Array(numBlocks).keys()];
for (let startPosition = 0; startPosition < tokens.length; startPosition += numRows) {
  const tokenIds = tokens.slice(startPosition, startPosition + numRows);
  const outputs = [...tokenIds.keys()];
  writeSlices(model.inputs, 16, [{ tokenIds, startPosition, blockTable, outputs }]);
  await model.step();
  for (const output of outputs) rows.push(Float32Array.from(model.logitsRow(output)));
}
writeFileSync(out, Buffer.concat(rows.map((row) => new Uint8Array(row.buffer))));
await model.close();
