import { describe, test } from "node:test";
import { assertDisassemblesAs, whyNoDisassembler } from "./assembler/testing/disassembler.ts";
import { assembleKernel, machineCodeKernels } from "./kernel-image.ts";
import { targets } from "./processor/targets.ts";

const noDisassembler = whyNoDisassembler();

describe("every kernel for every target", () => {
  for (const target of Object.values(targets))
    test(`${target.name}: a disassembler reads what was meant`, {
      skip: noDisassembler ?? false,
    }, () => {
      for (const kernel of machineCodeKernels) assertDisassemblesAs(assembleKernel(kernel, target, true));
    });
});
