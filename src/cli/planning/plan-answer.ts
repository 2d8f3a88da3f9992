/** @module Answers one /admin/plan: names and values in, a plan out, no file of a client's choosing. */
import type { AdminPlanRequest } from "../../api/admin/plan.ts";
import { parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  calibratedRequest,
  modelNamed,
  type Plan,
  type PlanRequest,
  parseModelConfig,
  plan,
  rulesOf,
} from "../../planner/index.ts";
import { calibrationPath, readCalibration } from "./calibration-file.ts";
import { planPlace } from "./device.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A card is stated: what this machine has of cards is not the client's business. */
function assertPlace({ gpu, gpuMemory }: AdminPlanRequest, engine: string): void {
  if (gpu !== null || gpuMemory !== null || rulesOf(engine).runsOn !== "cards") return;
  throw new PagodaError("invalid_request", "The plan needs a card.", {
    param: "gpu",
    hint: 'Send gpu, such as "RTX 4090", or gpu_memory, such as "24GiB".',
  });
}

function requestOf(asked: AdminPlanRequest): PlanRequest {
  const [engine = "", version = ""] = asked.engine.split("@");
  assertPlace(asked, engine.toLowerCase());
  const place = planPlace(
    {
      ...(asked.gpu === null ? {} : { gpu: asked.gpu }),
      ...(asked.gpuMemory === null ? {} : { gpuMemory: asked.gpuMemory }),
    },
    engine.toLowerCase(),
  );
  return {
    model: asked.config === null ? modelNamed(asked.model) : parseModelConfig(asked.model, asked.config),
    device: place.device,
    usedBytes: asked.usedMemory === null ? place.usedBytes : parseByteSize(asked.usedMemory),
    engine: engine.toLowerCase(),
    version: version === "" ? null : version,
    flags: asked.flags,
    usage: "serve",
  };
}

/** A plan for any engine with what saved logs measured; the running instance's bytes are at /admin/memory. */
export function answerPlan(asked: AdminPlanRequest, environment: Environment): Plan {
  const store = readCalibration(calibrationPath(environment));
  const { request, note } = calibratedRequest(store, requestOf(asked));
  const answer = plan(request);
  return note === null ? answer : { ...answer, warnings: [...answer.warnings, note] };
}
