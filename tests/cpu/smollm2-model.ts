/** @module The real default model for tests of the CPU backend: its program, and limits that it runs in. */

import type { Program } from "../../src/backend/backend.ts";
import type { CpuLimits } from "../../src/backend/cpu/footprint/index.ts";
import { buildProgram } from "../../src/model/architectures/build-program.ts";
import { parseGgufConfig } from "../../src/model/config/gguf-config.ts";
import { realModelPath } from "../../src/model/testing/fixtures.ts";
import { readGguf } from "../../src/model/weights/gguf.ts";

export function smollm2Program(): Program {
  const { metadata, tensors } = readGguf(realModelPath);
  return buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
}

export const smollm2Limits: CpuLimits = {
  blockSize: 16,
  numBlocks: 1024,
  kvDtype: "f16",
  maxModelLen: 8192,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 512,
  maxLogprobs: 20,
  numThreads: 2,
};
