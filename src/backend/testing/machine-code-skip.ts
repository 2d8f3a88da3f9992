/** @module Whether tests of machine code run here. */
import { chooseKernelSource } from "../cpu/choose-kernels.ts";

/** False where this machine runs machine code; otherwise the reason why it does not, as `skip` of node:test. */
export async function skipWithoutMachineCode(): Promise<string | false> {
  const { machineCode, reason } = await chooseKernelSource("auto");
  return machineCode === null ? (reason ?? "no machine code") : false;
}
