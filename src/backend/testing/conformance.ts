/** @module One suite for every backend: each operation, in awkward shapes, against the reference. */
import { describe } from "node:test";
import type { Backend } from "../backend.ts";
import { describeAttentionCases } from "./attention-cases.ts";
import { describeLinearCases } from "./linear-cases.ts";
import { describeRowCases } from "./row-cases.ts";
import { describeSamplingCases } from "./sampling-cases.ts";

/**
 * Registers the suite with node:test. Each case writes a few random weights to a temporary file, builds a program of one
 * or a few operations, loads it through `Backend.load` here and on the reference, and compares the logits.
 */
export function describeKernelConformance(name: string, backend: Backend): void {
  describe(`${name}: kernels against the reference`, () => {
    describeRowCases(backend);
    describeLinearCases(backend);
    describeAttentionCases(backend);
    describeSamplingCases(backend);
  });
}
