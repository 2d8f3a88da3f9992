/** @module Which part of a question can be applied to the running instance at once, and which needs another start. */
import type { SettingsState } from "../../../api/admin/observatory/index.ts";
import { parameters, type Question } from "./question.ts";

/** Fields of the question that are settings of a running instance. */
const settingOf = {
  seats: "maxNumSeqs",
  stepTokens: "maxNumBatchedTokens",
  length: "maxModelLen",
} as const;
type LiveField = keyof typeof settingOf;
const isLive = (field: keyof Question): field is LiveField => Object.hasOwn(settingOf, field);

/** They say who uses the instance, and change nothing of it. */
const assumptions: readonly (keyof Question)[] = ["context", "usedBytes"];

export interface LivePart {
  /** The body of a change; empty where nothing can be applied. */
  readonly change: Readonly<Record<string, number>>;
  readonly liveFields: readonly LiveField[];
  /** Fields that only another start can have. */
  readonly restartFields: readonly (keyof Question)[];
}

/** A value above the ceiling of the running instance needs a restart. */
export function livePartOf(question: Question, { ceilings, requested }: SettingsState): LivePart {
  const change: Record<string, number> = {};
  const liveFields: LiveField[] = [];
  const restartFields: (keyof Question)[] = [];
  for (const field of Object.keys(parameters) as (keyof Question)[]) {
    const value = question[field];
    if (value === null || assumptions.includes(field)) continue;
    if (!isLive(field) || Number(value) > ceilings[settingOf[field]]) restartFields.push(field);
    else if (value !== requested[settingOf[field]]) {
      change[settingOf[field]] = Number(value);
      liveFields.push(field);
    }
  }
  return { change, liveFields, restartFields };
}
