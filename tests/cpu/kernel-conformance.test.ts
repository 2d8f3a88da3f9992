import { describe } from "node:test";
import { chooseKernelSource } from "../../src/backend/cpu/choose-kernels.ts";
import { CpuBackend } from "../../src/backend/cpu/cpu-backend.ts";
import { describeKernelConformance } from "../../src/backend/testing/conformance.ts";
import { PagodaError } from "../../src/core/errors.ts";

/** false where machine code runs here; otherwise why it does not. */
async function skipWithoutMachineCode(): Promise<string | false> {
  try {
    await chooseKernelSource("machine-code");
    return false;
  } catch (error) {
    if (error instanceof PagodaError) return error.message;
    throw error;
  }
}

describeKernelConformance("CPU, wasm", new CpuBackend({ numThreads: 1, kernels: "wasm" }));

describe("machine code", { skip: await skipWithoutMachineCode() }, () =>
  describeKernelConformance("CPU, machine code", new CpuBackend({ numThreads: 1, kernels: "machine-code" })),
);
