/** @module Measures how long steps take on this machine, by traffic made for it. */
import type { PreparedInstance } from "../../instance/index.ts";
import { fitStepTime, type MeasuredStep, type StepTime } from "../step-time/step-time.ts";
import type { TokenRange } from "../traffic/token-source.ts";
import { calibrationTraffic } from "./calibration-traffic.ts";
import type { TrialEngine } from "./trial-engine.ts";

export interface CalibrationHooks {
  readonly onLoad: (numDone: number, numAll: number) => void;
  readonly stop: AbortSignal;
}

/** Takes 10 to 20 seconds with a small model. */
export async function calibrate(
  engine: TrialEngine,
  prepared: PreparedInstance,
  range: TokenRange,
  hooks: CalibrationHooks,
): Promise<StepTime> {
  const { limits } = prepared.plan;
  const loads = calibrationTraffic({ ...limits, numKvTokens: limits.numBlocks * limits.blockSize }, range);
  const steps: MeasuredStep[] = [];
  let numDone = 0;
  for (const traffic of loads) {
    hooks.onLoad(numDone++, loads.length);
    steps.push(...(await engine.run(prepared, traffic, hooks.stop)).steps);
  }
  return fitStepTime(steps, "measured on this machine");
}
