/** @module The real default model for tests: where its file is, and its program. */
import { statSync } from "node:fs";
import type { BackendLimits } from "../../src/backend/backend.ts";
import type { Program } from "../../src/backend/program.ts";
import { buildProgram } from "../../src/model/architectures/build-program.ts";
import { parseGgufConfig } from "../../src/model/config/gguf-config.ts";
import { readGguf } from "../../src/model/weights/gguf.ts";

/** PAGODA_TEST_SMOLLM2 names SmolLM2-135M-Instruct.Q4_1.gguf; null where it is not set or not there. */
export function smollm2File(): string | null {
  const path = process.env.PAGODA_TEST_SMOLLM2;
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : null;
}

export function smollm2Program(path: string): Program {
  const { metadata, tensors } = readGguf(path);
  return buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
}

export const smollm2Limits: BackendLimits = {
  blockSize: 16,
  numBlocks: 1024,
  kvDtype: "f16",
  maxModelLen: 8192,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 512,
  maxLogprobs: 20,
  numThreads: 2,
};
