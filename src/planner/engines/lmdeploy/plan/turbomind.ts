/**
 * @module TurboMind from 0.15: a share of the memory that is free after the weights becomes one region of pages and slabs;
 * everything else the engine needs later must fit into the rest.
 *
 *   region = trunc(free × f32(r)),  min over ranks          blocks = slabs of the region × objects of a slab
 *   fits  ⇔  free − region ≥ persistent buffers + peak activations   and   tokens ≥ the longest warm-up + one block
 *
 * Source: lmdeploy-memory.md §0, §1.2, §1.5, §2.3.
 */
import { formatBytes, mib } from "../../../../core/byte-size.ts";
import { objectsInRegion, pageBytes, regionBytes, slabFor } from "../../../kv/object-slabs.ts";
import type { Plan, PlanRequest, Verdict } from "../../../plan/plan.ts";
import { exact, mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";
import { recurrentStateBytes, turbomindBlockBytes } from "./kv-block.ts";
import { type LmdeployFinding, type LmdeployStart, type PoolCounts, planOf } from "./start.ts";
import { gemmWorkspace, persistentBuffers, turbomindActivations } from "./working-memory.ts";

/** KV capacity of a region, exactly: the rule a test replays against the published vectors. */
export function slabCapacity(
  freeBytes: number,
  share: number,
  objectBytes: number,
  blockTokens: number,
  padBytes = 0,
): { readonly regionBytes: number; readonly numBlocks: number; readonly numTokens: number } {
  const region = regionBytes(Math.max(0, freeBytes), share);
  const numBlocks = objectsInRegion(region, objectBytes, padBytes);
  return { regionBytes: region, numBlocks, numTokens: numBlocks * blockTokens };
}

interface Needs {
  readonly free: Quantity;
  readonly region: Quantity;
  readonly persistent: Quantity;
  readonly activations: Quantity;
  /** What is left of the rest after buffers and activations; negative: out of memory. */
  readonly slack: Quantity;
}

function needsOf(start: LmdeployStart): Needs {
  const { settings, model, free, request } = start;
  const region = mapQuantity(
    free,
    (bytes) => regionBytes(Math.max(0, bytes), settings.share.value),
    "share of the free memory",
  );
  const persistent = request.measured?.persistent ?? persistentBuffers(model, settings);
  const activations =
    request.measured?.activations ?? turbomindActivations(model, settings, settings.maxForwardTokens);
  const rest = mapQuantity(
    free,
    (bytes) => bytes - regionBytes(Math.max(0, bytes), settings.share.value),
    "the share not taken",
  );
  const slack = minus(rest, [persistent, activations], "what the rest leaves");
  return { free, region, persistent, activations, slack };
}

/** The longest warm-up forward that really runs needs blocks for all its tokens at once. */
function warmUpTokens(start: LmdeployStart): number {
  const { maxForwardTokens, sessionLen, blockSize } = start.settings;
  return Math.min(maxForwardTokens, sessionLen.value) + blockSize.value;
}

function verdictOf(start: LmdeployStart, needs: Needs, counts: PoolCounts): Verdict {
  const none = { failure: null, engineMessage: null, suggestions: [] };
  const rest = needs.free.expectedBytes - needs.region.expectedBytes;
  const needed = needs.persistent.expectedBytes + needs.activations.expectedBytes;
  if (needs.free.expectedBytes <= 0)
    return {
      ...none,
      kind: "dies",
      failure: "weights",
      reason: "the weights do not fit on the card",
      engineMessage: "CUDA runtime error: out of memory",
    };
  if (needs.slack.expectedBytes < 0)
    return {
      ...none,
      kind:
        needs.slack.expectedBytes + needs.slack.highBytes > 0 && needs.slack.highBytes > 64 * mib
          ? "uncertain"
          : "dies",
      failure: "activations",
      reason: `activations, not KV: ${formatBytes(rest)} stay outside the KV region, buffers and the warm-up need ${formatBytes(needed)}`,
      engineMessage: "CUDA runtime error: out of memory",
    };
  if (counts.numTokens < warmUpTokens(start))
    return {
      ...none,
      kind: "dies",
      failure: "warmUpStall",
      reason: `the pool holds ${counts.numTokens} tokens and the warm-up wants ${warmUpTokens(start)} at once: the start is likely to hang`,
      engineMessage: "out of memory at 0/1",
    };
  const isTight = needs.slack.expectedBytes + needs.slack.lowBytes < 0;
  if (isTight)
    return {
      ...none,
      kind: "uncertain",
      failure: "activations",
      reason: "the rest is about as large as buffers and activations",
    };
  return { ...none, kind: "fits", reason: "it starts; the rest holds buffers and activations" };
}

function sharedLog(start: LmdeployStart, needs: Needs, objectBytes: number): string[] {
  const slab = slabFor(objectBytes);
  const megabytes = (bytes: number): string => (bytes / mib).toFixed(2);
  const ratio = (slab.objectsPerSlab * objectBytes) / slab.slabBytes;
  return [
    `Object cache budget: ${megabytes(needs.region.expectedBytes)} MB from free ${megabytes(needs.free.expectedBytes)} MB and ratio ${start.settings.share.value.toFixed(3)}`,
    `slab_size ${slab.slabBytes}, object_size ${objectBytes}, object_count ${slab.objectsPerSlab}, ratio ${ratio.toFixed(4)}`,
  ];
}

/** Finds the pool and the verdict. */
function turbomindFinding(start: LmdeployStart): LmdeployFinding {
  const { settings, model } = start;
  const mixers = model.layers.map(({ mixer }) => mixer);
  const ranks = settings.tensorParallel / settings.contextParallel;
  const objectBytes = turbomindBlockBytes(mixers, settings.quantPolicy, settings.blockSize.value, ranks);
  const needs = needsOf(start);
  const state = recurrentStateBytes(model, ranks) * settings.maxBatchSize.value;
  const countsAt = (end: "lowBytes" | "expectedBytes" | "highBytes"): PoolCounts => {
    const pad = end === "lowBytes" ? pageBytes : 0;
    const forBlocks = Math.max(0, needs.region[end] - state);
    const numBlocks = objectsInRegion(forBlocks, objectBytes, pad);
    return {
      numBlocks,
      numTokens: numBlocks * settings.blockSize.value * settings.contextParallel,
      maxSessionLen: settings.sessionLen.value,
    };
  };
  const counts = countsAt("expectedBytes");
  const warnings =
    counts.numTokens < settings.sessionLen.value
      ? [
          `The pool (${counts.numTokens} tokens) is smaller than one session of ${settings.sessionLen.value}; longer prompts fail while serving (status 11).`,
        ]
      : [];
  return {
    ruleName: "TurboMind from 0.15 (slabs)",
    region: needs.region,
    bytesPerBlock: objectBytes,
    components: [
      { name: "other", label: "GEMM workspace", quantity: gemmWorkspace, isBudgeted: false },
      { name: "kvPool", label: "KV region", quantity: needs.region, isBudgeted: true },
      ...(state > 0
        ? [
            {
              name: "state" as const,
              label: "recurrent states",
              quantity: exact(state, "inside the region"),
              isBudgeted: true,
            },
          ]
        : []),
      { name: "persistent", label: "persistent buffers", quantity: needs.persistent, isBudgeted: false },
      { name: "activations", label: "peak activations", quantity: needs.activations, isBudgeted: false },
    ],
    countsAt,
    verdict: verdictOf(start, needs, counts),
    expectedLog: sharedLog(start, needs, objectBytes),
    warnings,
  };
}

export function planTurbomind(start: LmdeployStart, _request: PlanRequest): Plan {
  return planOf(start, turbomindFinding(start));
}
