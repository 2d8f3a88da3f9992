/** @module Answers one /admin/plan: names and values in, a plan out, no file of a client's choosing. */
import type { AdminPlanRequest } from "../../api/admin/plan.ts";
import { parseByteSize } from "../../core/byte-size.ts";
import {
  calibratedRequest,
  modelNamed,
  type Plan,
  type PlanRequest,
  parseModelConfig,
  plan,
} from "../../planner/index.ts";
import { calibrationPath, readCalibration } from "./calibration-file.ts";
import { planDevice } from "./device.ts";

type Environment = Readonly<Record<string, string | undefined>>;

function requestOf(asked: AdminPlanRequest): PlanRequest {
  const [engine = "", version = ""] = asked.engine.split("@");
  const { device } = planDevice({
    ...(asked.gpu === null ? {} : { gpu: asked.gpu }),
    ...(asked.gpuMemory === null ? {} : { gpuMemory: asked.gpuMemory }),
  });
  return {
    model: asked.config === null ? modelNamed(asked.model) : parseModelConfig(asked.model, asked.config),
    device,
    usedBytes: asked.usedMemory === null ? 0 : parseByteSize(asked.usedMemory),
    engine: engine.toLowerCase(),
    version: version === "" ? null : version,
    flags: asked.flags,
    usage: "serve",
  };
}

/** A plan for another engine with what saved logs measured; our own instance's bytes are at /admin/memory. */
export function answerPlan(asked: AdminPlanRequest, environment: Environment): Plan {
  const store = readCalibration(calibrationPath(environment));
  const { request, note } = calibratedRequest(store, requestOf(asked));
  const answer = plan(request);
  return note === null ? answer : { ...answer, warnings: [...answer.warnings, note] };
}
