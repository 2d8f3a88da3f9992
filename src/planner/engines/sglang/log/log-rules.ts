/** @module How SGLang's output is understood. */
import { formatBytes } from "../../../../core/byte-size.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { bytesOf } from "../../../plan/component.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { MeasuredBytes, Plan } from "../../../plan/plan.ts";
import type { LogRules } from "../../../rules/engine-rules.ts";
import { settingOf } from "../../../rules/step-values.ts";
import { readSglangLog } from "./read-log.ts";

const marks =
  /sglang|mem_fraction_static|mem-fraction-static|KV Cache is allocated\.|Load weight (?:begin|end)\.|max_total_num_tokens=/;

function measuredBytes({ figures }: LogFacts): MeasuredBytes {
  const { weights, availableKv, capturedGraphs } = figures;
  return {
    ...(weights === undefined ? {} : { weights }),
    ...(availableKv === undefined ? {} : { availableKv }),
    ...(capturedGraphs === undefined ? {} : { graphs: capturedGraphs }),
  };
}

function cause(failure: FailureKind, { figures }: LogFacts, plan: Plan | null): readonly string[] {
  if (plan === null) return [];
  const share = settingOf(plan, "mem-fraction-static", 0.88);
  const free = figures.freeAtStart?.expectedBytes ?? (plan.budgetBytes ?? 0) / share;
  const weights = figures.weights?.expectedBytes ?? bytesOf(plan, "weights");
  if (failure === "noKvMemory" && weights < free * share)
    return [
      `By the plan ${formatBytes(free * share - weights)} would be left for a pool: something else is held beside these weights, such as a draft model or another program.`,
    ];
  if (failure === "noKvMemory")
    return [
      `A share of ${share} of the ${formatBytes(free)} that are free before the weights is ${formatBytes(free * share)}; the weights take ${formatBytes(weights)}, so ${formatBytes(Math.max(0, weights - free * share))} are lacking before there is a pool.`,
      `A share above ${(weights / free).toFixed(3)} leaves a pool.`,
    ];
  const kept = formatBytes(free * (1 - share));
  if (failure === "weights")
    return [`The weights need ${formatBytes(weights)}, and ${formatBytes(free)} are free before them.`];
  return [
    `The share leaves ${kept} outside weights and pool; the table of requests (${formatBytes(bytesOf(plan, "persistent"))}), the graphs (${formatBytes(bytesOf(plan, "graphs"))}) and the prefill (${formatBytes(bytesOf(plan, "activations"))}) must find room there.`,
  ];
}

export const sglangLog: LogRules = {
  marks,
  read: readSglangLog,
  likelyVersion: () => null,
  measuredBytes,
  cause,
  getsPast: (_failure, changed) => changed.verdict.kind === "fits",
};
