/** @module The options of a bench run. */

import type { KernelFamily } from "../figures/figure.ts";
import type { LoadName, TokenRange } from "../load/workload.ts";
import type { BenchPart } from "./bench-parts.ts";

export interface BenchOptions {
  /** Arguments after the Node binary that start our command line. */
  readonly program: readonly string[];
  /** Folder of the checkout, for the commit. */
  readonly folder: string;
  readonly modelPath: string;
  readonly kernels: readonly KernelFamily[];
  readonly numThreads: number;
  readonly numRounds: number;
  readonly seed: number;
  readonly loads: readonly LoadName[];
  readonly parts: readonly BenchPart[];
  readonly peers: PeerOptions | null;
  readonly say: (line: string) => void;
}

export interface PeerOptions {
  /** Where install-llama-cpp.sh and install-vllm-cpu.sh put their builds. */
  readonly folder: string;
  /** The same model quantized to Q4_0, to measure llama.cpp's fastest format too; null to leave it out. */
  readonly q4ZeroPath: string | null;
  /** The same model as a float32 Hugging Face folder, to measure vLLM too; null to leave it out. */
  readonly vllmModel: string | null;
}

/** Ordinary tokens of the default model's vocabulary (49,152 entries, special tokens first). */
export const benchTokens: TokenRange = { firstTokenId: 100, endTokenId: 49_000 };
