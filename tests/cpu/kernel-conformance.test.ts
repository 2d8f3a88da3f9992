import { describe } from "node:test";
import { createBackend } from "../../src/backend/create/index.ts";
import { describeKernelConformance, skipWithoutMachineCode } from "../../src/backend/testing/index.ts";

const withKernels = (kernels: "wasm" | "machine-code") =>
  createBackend({ name: "cpu", numThreads: 1, kernels });

describeKernelConformance("CPU, wasm", await withKernels("wasm"));

const machineCode = await withKernels("machine-code");
describe("machine code", { skip: await skipWithoutMachineCode() }, () =>
  describeKernelConformance("CPU, machine code", machineCode),
);
