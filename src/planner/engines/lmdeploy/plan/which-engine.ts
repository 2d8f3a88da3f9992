/** @module Which of LMDeploy's engines a plan is of, by the name of its rules. */
import type { Plan } from "../../../plan/plan.ts";

const pytorchRules = "PyTorch engine";
const legacyTurbomindRules = "TurboMind 0.2.2 to 0.14";

export function isPytorch({ rules }: Plan): boolean {
  return rules.startsWith(pytorchRules);
}

/** TurboMind before its slabs: a share from 1 up is a number of blocks. */
export function isLegacyTurbomind({ rules }: Plan): boolean {
  return rules.startsWith(legacyTurbomindRules);
}
