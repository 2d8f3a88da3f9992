/** @module Several llama-servers on one device: each allocates what it states, so the order of starts does not matter. */
import { formatBytes } from "../../../core/byte-size.ts";
import type { Step } from "../../plan/change.ts";
import type { Plan, PlanRequest } from "../../plan/plan.ts";
import type { CopyRules, CopyWay, StartOutcome } from "../../rules/engine-rules.ts";
import { settingOf } from "../../rules/step-values.ts";
import { planLlamaServer } from "./plan/plan.ts";

function heldBytes({ components }: Plan): number {
  return components.reduce((sum, { quantity }) => sum + quantity.expectedBytes, 0);
}

function startAmong(request: PlanRequest, _alone: Plan, others: readonly Plan[]): StartOutcome {
  const othersBytes = others.reduce((sum, other) => sum + heldBytes(other), 0);
  const late = planLlamaServer({ ...request, usedBytes: request.usedBytes + othersBytes });
  return {
    starts: late.verdict.kind === "fits",
    why: `it may find ${formatBytes(othersBytes)} taken by the others`,
  };
}

const cellStep = 256;
const fractions = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/** The same context for each, the longest first. What is stated is not changed by --fit. */
function* equalContexts(planned: Plan): Generator<readonly Step[]> {
  const length = settingOf(planned, "ctx-size", 4096);
  for (const fraction of fractions) {
    const tokens = Math.floor((length * fraction) / cellStep) * cellStep;
    if (tokens >= cellStep) yield [{ flags: { "ctx-size": String(tokens), "gpu-layers": "all" } }];
  }
}

function ways(_request: PlanRequest, planned: Plan): readonly CopyWay[] {
  return [{ why: "the same context for each, all layers on the card", candidates: equalContexts(planned) }];
}

export const llamaServerCopies: CopyRules = {
  note: "The order of starts does not matter where the context and the layers are stated; otherwise --fit gives a later start less.",
  fillsShareOfTotal: false,
  heldBytes,
  startAmong,
  ways,
};
