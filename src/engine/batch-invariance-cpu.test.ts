import { createBackend } from "../backend/create/index.ts";
import { describeBatchInvariance, type InvarianceCase } from "./testing/batch-invariance.ts";

const cases: readonly InvarianceCase[] = [
  { checkpoint: "llama-gqa-rope-scaled", kvDtype: "f16" },
  { checkpoint: "mistral-sliding-window", kvDtype: "int8" },
  { checkpoint: "gemma3", kvDtype: "int4" },
];

const wasm = (numThreads: number) => createBackend({ name: "cpu", numThreads, kernels: "wasm" });
const ownChoice = (numThreads: number) => createBackend({ name: "cpu", numThreads });

describeBatchInvariance("CPU backend, WebAssembly kernels", wasm, cases);
describeBatchInvariance("CPU backend, kernels of its own choice", ownChoice, cases);
