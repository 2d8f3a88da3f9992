/** @module The planned and the actual bytes of a running instance, for `/admin/memory` and the table at start. */
import { getHeapStatistics } from "node:v8";
import type { LoadedModel } from "../backend/backend.ts";
import { sumFootprint } from "../core/footprint.ts";
import type { BudgetReport, MemoryComponent, RankMemory, RuntimePart } from "../core/memory-report.ts";
import type { MemoryFacts } from "../engine/engine.ts";
import type { DeviceMemory, MemoryPlan } from "../planner/engines/pagoda/index.ts";
import { readProcessMemory } from "./memory/process-memory.ts";
import type { InstanceSettings } from "./settings.ts";

interface MemoryReportParts {
  readonly settings: InstanceSettings;
  readonly plan: MemoryPlan;
  readonly model: Pick<LoadedModel, "allocations" | "kernels">;
  readonly device: DeviceMemory;
}

/** A function, because the resident sizes are read when asked. */
export function memoryReporter(parts: MemoryReportParts): () => MemoryFacts {
  const budget = budgetReport(parts);
  return () => {
    const memory = readProcessMemory();
    const { residentBytes, peakResidentBytes } = memory;
    const drawn = components(parts, residentBytes);
    const { name, reason, selfTestMs } = parts.model.kernels;
    return {
      kernels: name,
      ...(reason === undefined ? {} : { kernelsReason: reason }),
      ...(selfTestMs === undefined ? {} : { selfTestMs }),
      budget,
      kvCache: { dtype: parts.plan.limits.kvDtype, prefixCaching: parts.settings.prefixCaching.value },
      components: drawn,
      runtimeParts: runtimeParts(drawn[0]?.actualBytes ?? 0, memory.fileBytes),
      ...ranksOf(parts),
      residentBytes,
      peakResidentBytes,
    };
  };
}

/**
 * Counted where the buffers are allocated; the runtime is what is resident beside them. The footprint is that of the CPU
 * backend: the reference backend, which keeps everything in float32, only comes near it.
 */
function components({ plan, model }: MemoryReportParts, residentBytes: number): MemoryComponent[] {
  const actualBytes = { weights: 0, workspace: 0, kvPool: 0, tables: 0 };
  for (const allocation of model.allocations) actualBytes[allocation.component] += allocation.numBytes;
  const allocatedBytes = Object.values(actualBytes).reduce((sum, numBytes) => sum + numBytes, 0);
  const exact = (["weights", "workspace", "kvPool", "tables"] as const).map((name) => ({
    name,
    plannedBytes: plan.footprint.components[name],
    actualBytes: actualBytes[name],
    evidence: model.kernels.name === "reference" ? ("estimated" as const) : ("exact" as const),
  }));
  const runtime: MemoryComponent = {
    name: "runtime",
    plannedBytes: plan.runtimeBytes,
    actualBytes: Math.max(0, residentBytes - allocatedBytes),
    evidence: "measured",
  };
  return [runtime, ...exact];
}

/** `fileBytes` are 0 where the system does not tell them. */
function runtimeParts(runtimeBytes: number, fileBytes: number): RuntimePart[] {
  if (fileBytes === 0) return [];
  const { total_physical_size: heapBytes } = getHeapStatistics();
  return [
    { name: "files", bytes: fileBytes },
    { name: "heap", bytes: heapBytes },
    { name: "native", bytes: Math.max(0, runtimeBytes - fileBytes - heapBytes) },
  ];
}

/** Each rank with what was planned for it and what it allocated; nothing where there is one. */
function ranksOf({ plan, model }: MemoryReportParts): { readonly ranks?: readonly RankMemory[] } {
  const { ranks } = plan.footprint;
  if (ranks.length === 1) return {};
  return {
    ranks: ranks.map((planned, rank) => {
      const own = sumFootprint(model.allocations.filter((allocation) => allocation.rank === rank));
      const { components, totalBytes } = own;
      return { rank, plannedBytes: planned.totalBytes, actualBytes: totalBytes, components };
    }),
  };
}

function budgetReport({ settings, plan, device }: MemoryReportParts): BudgetReport {
  const { cap, pool } = settings;
  return {
    capBytes: plan.budget.capBytes,
    deviceTotalBytes: device.totalBytes,
    cap: {
      kind: cap?.value.kind ?? "none",
      value: cap === null ? null : numberIn(cap.value),
      from: cap?.from ?? "default",
      why: cap?.why ?? "no cap was stated",
    },
    pool: {
      kind: pool?.value.kind ?? (cap === null ? "default" : "remainder"),
      value: pool === null ? null : numberIn(pool.value),
      from: pool?.from ?? (cap === null ? "default" : "derived"),
      why: plan.budget.poolWhy,
    },
  };
}

/** The number in a cap or a pool rule, whatever its unit: the kind says which. */
function numberIn(
  rule: NonNullable<InstanceSettings["cap"]>["value"] | NonNullable<InstanceSettings["pool"]>["value"],
): number {
  switch (rule.kind) {
    case "fractionOfTotal":
    case "fractionOfFree":
      return rule.fraction;
    case "instanceBytes":
    case "kvBytes":
      return rule.bytes;
    case "blocks":
      return rule.numBlocks;
    case "tokens":
      return rule.numTokens;
  }
}
