/** @module Components that start-up logs measured, and the key under which they are kept for later plans. */

import { rulesOf } from "../engines/engines.ts";
import type { MeasuredStart } from "../explain/trial.ts";
import { partOf } from "../plan/component.ts";
import type { Plan } from "../plan/plan.ts";
import type { Quantity } from "../quantity/quantity.ts";

/** Everything a residual depends on (vllm-memory.md §2.6); the share and the length are not among it. */
export interface CalibrationKey {
  readonly engine: string;
  readonly version: string;
  /** The rules by name: they tell the runner. */
  readonly rules: string;
  readonly model: string;
  readonly device: string;
  readonly ranks: number;
  /** Tokens and sequences of the largest step. */
  readonly maxTokens: number;
  readonly maxSequences: number;
  readonly isEager: boolean;
}

export type CalibratedPart = "weights" | "persistent" | "activations" | "graphs";
export const calibratedParts: readonly CalibratedPart[] = ["weights", "persistent", "activations", "graphs"];

/** Bytes of one component: as measured, the print's error on either side, and what the rules had expected then. */
export interface CalibratedBytes {
  readonly measuredBytes: number;
  readonly errorBytes: number;
  readonly expectedBytes: number;
}

export interface CalibrationEntry {
  readonly key: CalibrationKey;
  readonly parts: Readonly<Partial<Record<CalibratedPart, CalibratedBytes>>>;
  /**
   * Where the engine prints its free memory after loading: what the card held once the weights were loaded, others' bytes not counted, and the weights that were
   * expected then; null where no log said.
   */
  readonly loaded: CalibratedBytes | null;
  /** The card's total as that log printed it. */
  readonly totalBytes: number | null;
  /** Where it came from, in the user's words: a file name and a date. */
  readonly source: string;
}

export interface CalibrationStore {
  readonly schema: "pagoda.calibration/1";
  readonly entries: readonly CalibrationEntry[];
}

export const emptyCalibration: CalibrationStore = { schema: "pagoda.calibration/1", entries: [] };

function numberOf(plan: Plan, name: string): number {
  const value = Number(plan.settings[name]?.value ?? Number.NaN);
  return Number.isFinite(value) ? value : 0;
}

/** The key of a plan: settings after defaults, so that a flag typed and a default taken are the same. */
export function calibrationKey(plan: Plan): CalibrationKey {
  const { roles } = rulesOf(plan.engine);
  return {
    engine: plan.engine,
    version: plan.version,
    rules: plan.rules,
    model: plan.model,
    device: plan.device,
    ranks: plan.numDevices,
    maxTokens: numberOf(plan, roles.tokens),
    maxSequences: numberOf(plan, roles.sequences),
    isEager: plan.settings["enforce-eager"]?.value === true,
  };
}

const keyFields: readonly (keyof CalibrationKey)[] = [
  "engine",
  "version",
  "rules",
  "model",
  "device",
  "ranks",
  "maxTokens",
  "maxSequences",
  "isEager",
];

/** The evidence of a figure that a log printed. */
const statedTotal = "the log states it";

/** Fields in which two starts differ; a new version often brings new rules, which is one difference. */
export function differences(a: CalibrationKey, b: CalibrationKey): (keyof CalibrationKey)[] {
  const fields = keyFields.filter((field) => a[field] !== b[field]);
  return fields.includes("version") ? fields.filter((field) => field !== "rules") : fields;
}

function doubtOf(part: Quantity): number {
  return Math.round(Math.max(part.expectedBytes - part.lowBytes, part.highBytes - part.expectedBytes));
}

/** What a log measured of its own start; null where it measured nothing that can be kept. */
export function calibrationEntry(
  { request, planned, parts: seen }: MeasuredStart,
  source: string,
): CalibrationEntry | null {
  const parts: Partial<Record<CalibratedPart, CalibratedBytes>> = {};
  for (const name of calibratedParts) {
    const part = seen[name];
    if (part === undefined || part.evidence.kind === "exact") continue;
    parts[name] = {
      measuredBytes: Math.round(part.expectedBytes),
      errorBytes: Math.round(
        Math.max(part.expectedBytes - part.lowBytes, part.highBytes - part.expectedBytes),
      ),
      expectedBytes: Math.round(partOf(planned, name).expectedBytes),
    };
  }
  const total = request.device.total;
  const loaded =
    seen.free === undefined
      ? null
      : {
          measuredBytes: Math.round(total.expectedBytes - request.usedBytes - seen.free.expectedBytes),
          errorBytes: doubtOf(seen.free),
          expectedBytes: Math.round(partOf(planned, "weights").expectedBytes),
        };
  if (Object.keys(parts).length === 0 && loaded === null) return null;
  const totalBytes = total.evidence.why === statedTotal ? total.expectedBytes : null;
  return { key: calibrationKey(planned), parts, loaded, totalBytes, source };
}

/** The store with an entry put in; an older one under the same key gives way. */
export function withEntry(store: CalibrationStore, entry: CalibrationEntry): CalibrationStore {
  const others = store.entries.filter(({ key }) => differences(key, entry.key).length > 0);
  return { ...store, entries: [...others, entry] };
}
