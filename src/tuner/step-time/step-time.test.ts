import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StepQuantities } from "../../core/generation.ts";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { rooflineStepTime } from "./roofline.ts";
import { fitStepTime, type MeasuredStep } from "./step-time.ts";

/** A machine of our own making: a bend at 16 tokens, two prices of attention. */
function trueMs(step: StepQuantities): number {
  const ofTokens = 0.2 * Math.min(step.numTokens, 16) + 1.1 * Math.max(0, step.numTokens - 16);
  const attention =
    (3 * step.numAttendedByDecodes + 1 * step.numSharedByDecodes + 0.5 * step.numAttendedByPrompts) / 2048;
  return 4 + ofTokens + 0.3 * step.numOutputs + attention;
}

function stepsOf(seed: number, mostTokens: number, noise: (uniform: number) => number): MeasuredStep[] {
  const uniform = seededUniform(seed);
  const below = (limit: number): number => Math.floor(uniform() * limit);
  return Array.from({ length: 600 }, () => {
    const numDecodes = below(16);
    const numPrompt = below(2) * below(mostTokens - 16);
    const step = {
      numTokens: numDecodes + numPrompt + 1,
      numSequences: numDecodes + 1,
      numOutputs: numDecodes + 1,
      numAttendedByDecodes: (numDecodes + 1) * below(1500),
      numSharedByDecodes: numDecodes * 512 * below(2),
      numAttendedByPrompts: numPrompt * (numPrompt / 2 + below(300)),
    };
    return { ...step, ms: trueMs(step) * noise(uniform()) };
  });
}

describe("the fitted step time", () => {
  it("finds a machine that the formula can express, bends included", () => {
    const fitted = fitStepTime(
      stepsOf(1, 512, () => 1),
      "a test",
    );
    for (const step of stepsOf(2, 512, () => 1)) {
      const error = Math.abs(fitted.ms(step) - step.ms) / step.ms;
      assert.ok(error < 0.02, `${fitted.ms(step)} for ${step.ms}`);
    }
    assert.ok((fitted.medianError ?? 1) < 0.01);
  });

  it("is not pulled down by steps of uneven length, nor up by interruptions", () => {
    const noisy = stepsOf(3, 512, (uniform) => (uniform > 0.97 ? 8 : 0.7 + 0.6 * (uniform / 0.97)));
    const fitted = fitStepTime(noisy, "a test");
    const test = stepsOf(4, 512, () => 1);
    const sum = (of: (step: MeasuredStep) => number): number =>
      test.reduce((total, step) => total + of(step), 0);
    const ratio = sum((step) => fitted.ms(step)) / sum(({ ms }) => ms);
    assert.ok(Math.abs(ratio - 1) < 0.04, `${ratio}`);
  });

  it("goes on with the last slope beyond the largest measured step", () => {
    const fitted = fitStepTime(
      stepsOf(5, 256, () => 1),
      "a test",
    );
    const large: StepQuantities = {
      numTokens: 2048,
      numSequences: 1,
      numOutputs: 1,
      numAttendedByDecodes: 0,
      numSharedByDecodes: 0,
      numAttendedByPrompts: 0,
    };
    assert.ok(Math.abs(fitted.ms(large) / trueMs(large) - 1) < 0.1, `${fitted.ms(large)} ${trueMs(large)}`);
  });
});

describe("the roofline", () => {
  const work = {
    weightBytes: 100e6,
    kvBytesPerToken: 20e3,
    flopsPerToken: 270e6,
    flopsPerOutput: 57e6,
    flopsPerAttended: 35e3,
  };
  const stepTime = rooflineStepTime(work, { bytesPerSecond: 50e9, flopsPerSecond: 1e12, overheadMs: 0.5 });
  const step = (numTokens: number, numAttendedByDecodes: number): StepQuantities => ({
    numTokens,
    numSequences: 1,
    numOutputs: 1,
    numAttendedByDecodes,
    numSharedByDecodes: 0,
    numAttendedByPrompts: 0,
  });

  it("is bound by memory for one token, and by arithmetic for many", () => {
    assert.ok(Math.abs(stepTime.ms(step(1, 0)) - (0.5 + 2)) < 1e-9);
    assert.ok(Math.abs(stepTime.ms(step(1, 5000)) - (0.5 + 2 + 2)) < 1e-9);
    assert.ok(Math.abs(stepTime.ms(step(512, 0)) - (0.5 + (512 * 270e6 + 57e6) / 1e9)) < 1e-9);
  });
});
