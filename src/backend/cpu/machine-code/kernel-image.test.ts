import { describe, test } from "node:test";
import { assertDisassemblesAs, hasDisassembler } from "./assembler/disassembler.ts";
import { assembleKernel, machineCodeKernels } from "./kernel-image.ts";
import { targets } from "./targets.ts";

describe("every kernel for every target", () => {
  for (const target of Object.values(targets))
    test(`${target.name}: a disassembler reads what was meant`, {
      skip: !hasDisassembler && "no objdump",
    }, () => {
      for (const kernel of machineCodeKernels) assertDisassemblesAs(assembleKernel(kernel, target, true));
    });
});
