/**
 * @module What kept measurements tell of a planned start. Under the same key they are taken as measured; a start that
 * differs in a single field has its estimates moved and narrowed by the ratio that the neighbour showed.
 */

import { canonicalRequest, planOrNull } from "../engines/engines.ts";
import { partOf } from "../plan/component.ts";
import type { MeasuredBytes, Plan, PlanRequest } from "../plan/plan.ts";
import { estimated, measured, type Quantity } from "../quantity/quantity.ts";
import {
  type CalibratedBytes,
  type CalibratedPart,
  type CalibrationEntry,
  type CalibrationKey,
  type CalibrationStore,
  calibratedParts,
  calibrationKey,
  differences,
} from "./calibration.ts";

/** A log of one neighbour halves the doubt that is left; it never makes an estimate a measurement. */
const narrowing = 0.5;

function narrowed(part: Quantity, seen: CalibratedBytes, why: string): Quantity {
  const ratio = seen.expectedBytes > 0 ? seen.measuredBytes / seen.expectedBytes : 1;
  const moved = part.expectedBytes * ratio;
  return estimated(
    moved - (part.expectedBytes - part.lowBytes) * narrowing,
    moved,
    moved + (part.highBytes - part.expectedBytes) * narrowing,
    why,
  );
}

const fieldNames: Readonly<Record<keyof CalibrationKey, string>> = {
  engine: "engine",
  version: "version",
  rules: "runner",
  model: "model",
  device: "card",
  ranks: "number of cards",
  maxTokens: "number of tokens a step",
  maxSequences: "number of sequences",
  isEager: "choice of graphs",
};

export interface Calibrated {
  readonly measured: MeasuredBytes;
  /** The card's total as the log of the very start printed it. */
  readonly total: Quantity | null;
  /** Says which log was used and what differs. */
  readonly note: string;
}

type Parts = { -readonly [Name in CalibratedPart]?: Quantity };

/** Flags outside the key (a dtype, an offload, adapters) change the weights: theirs must still be those expected then. */
function hasSameWeights(seen: CalibratedBytes, planned: Plan): boolean {
  const now = partOf(planned, "weights").expectedBytes;
  return Math.abs(now - seen.expectedBytes) <= 0.02 * seen.expectedBytes;
}

function sameStart(entry: CalibrationEntry, planned: Plan, usedBytes: number): Calibrated {
  const parts: Parts = {};
  for (const name of calibratedParts) {
    const part = entry.parts[name];
    if (part === undefined || (name === "weights" && !hasSameWeights(part, planned))) continue;
    const { measuredBytes, errorBytes } = part;
    parts[name] = {
      lowBytes: measuredBytes - errorBytes,
      expectedBytes: measuredBytes,
      highBytes: measuredBytes + errorBytes,
      evidence: { kind: "measured", why: entry.source },
    };
  }
  const { loaded, totalBytes, source } = entry;
  const total = totalBytes === null ? null : measured(totalBytes, source);
  const wholeBytes = (total ?? planned.total).expectedBytes;
  const free =
    loaded === null || !hasSameWeights(loaded, planned)
      ? {}
      : { free: measured(wholeBytes - usedBytes - loaded.measuredBytes, source, loaded.errorBytes) };
  const names = [...Object.keys(parts), ...Object.keys(free)];
  return { measured: { ...parts, ...free }, total, note: `measured by ${source}: ${names.join(", ")}` };
}

function nearStart(entry: CalibrationEntry, planned: Plan, field: keyof CalibrationKey): Calibrated | null {
  const parts: Parts = {};
  const name = fieldNames[field];
  for (const part of calibratedParts) {
    const seen = entry.parts[part];
    const estimate = partOf(planned, part);
    // Weights follow from the configuration; another model's say nothing about them.
    if (seen === undefined || part === "weights" || estimate.evidence.kind !== "estimated") continue;
    parts[part] = narrowed(
      estimate,
      seen,
      `${estimate.evidence.why}; narrowed by ${entry.source}, another ${name}`,
    );
  }
  if (Object.keys(parts).length === 0) return null;
  const there = `${entry.key[field]}`;
  return {
    measured: parts,
    total: null,
    note: `narrowed by ${entry.source} (${name} ${there} there): ${Object.keys(parts).join(", ")}`,
  };
}

/** Which neighbour says most: another share of the same machine first, another machine last. */
const nearness: readonly (keyof CalibrationKey)[] = [
  "maxSequences",
  "maxTokens",
  "version",
  "isEager",
  "ranks",
  "device",
  "model",
];

/**
 * What the store knows of a planned start.
 * @param planned the plan of the request, nothing measured.
 */
function calibrate(store: CalibrationStore, planned: Plan, usedBytes: number): Calibrated | null {
  const key = calibrationKey(planned);
  const near: { readonly entry: CalibrationEntry; readonly field: keyof CalibrationKey }[] = [];
  for (const entry of store.entries) {
    const fields = differences(entry.key, key);
    const [field] = fields;
    if (field === undefined) return sameStart(entry, planned, usedBytes);
    if (fields.length === 1 && nearness.includes(field)) near.push({ entry, field });
  }
  near.sort((a, b) => nearness.indexOf(a.field) - nearness.indexOf(b.field));
  for (const { entry, field } of near) {
    const found = nearStart(entry, planned, field);
    if (found !== null) return found;
  }
  return null;
}

export interface CalibratedRequest {
  readonly request: PlanRequest;
  readonly note: string | null;
}

/** The request with what the store knows of it; as it was where the store knows nothing or the engine refuses it. */
export function calibratedRequest(store: CalibrationStore, typed: PlanRequest): CalibratedRequest {
  const request = canonicalRequest(typed);
  const planned = store.entries.length === 0 ? null : planOrNull(request);
  const found = planned === null ? null : calibrate(store, planned, request.usedBytes);
  if (found === null) return { request, note: null };
  const device = found.total === null ? request.device : { ...request.device, total: found.total };
  return {
    request: { ...request, device, measured: { ...found.measured, ...request.measured } },
    note: found.note,
  };
}
