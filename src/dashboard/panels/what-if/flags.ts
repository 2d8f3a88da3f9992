/** @module A question in the flags of one engine. */
import {
  type engineRules,
  type FlagValue,
  type FlagValues,
  type PlanRequest,
  plan,
} from "../../../planner/index.ts";
import type { Question } from "./question.ts";

type EngineRules = (typeof engineRules)[number];

/** Flags that mean the same in every engine that has them. */
const budgetFlags = {
  memory: "memory",
  total: "gpu-memory-utilization",
  free: "cache-max-entry-count",
} as const;

/** The share that an engine for cards counts in; our own engine counts in all. */
export function shareOf({ roles }: EngineRules): "total" | "free" {
  return roles.share === budgetFlags.total ? "total" : "free";
}

function budgetOf(rules: EngineRules, question: Question): Record<string, string> | null {
  const { totalShare, freeShare, memoryBytes } = question;
  const budget = rules.runsOn === "cards" ? shareOf(rules) : question.budget;
  if (budget === null) return null;
  const value = { memory: memoryBytes, total: totalShare, free: freeShare }[budget];
  const flag = rules.runsOn === "cards" ? (rules.roles.share ?? budgetFlags[budget]) : budgetFlags[budget];
  return value === null ? null : { [flag]: String(value) };
}

/** `bare`: the request without flags, which the format of the KV cache is chosen under. */
export function flagsFor(
  rules: EngineRules,
  question: Question,
  stated: FlagValues,
  bare: PlanRequest,
): FlagValues {
  const { roles, pool } = rules;
  const flags: Record<string, FlagValue> = { ...stated };
  const budget = budgetOf(rules, question);
  if (budget !== null) {
    for (const name of pool.flags) delete flags[name];
    Object.assign(flags, budget);
  }
  const set = (name: string | null, value: number | null): void => {
    if (name !== null && value !== null) flags[name] = String(value);
  };
  set(roles.length, question.length);
  set(roles.sequences, question.seats);
  set(roles.tokens, question.stepTokens);
  set(roles.blockSize, question.blockSize);
  set(roles.ranks, question.ranks);
  if (question.kvFormat !== null) Object.assign(flags, kvFormatFlag(rules, question.kvFormat, bare));
  return flags;
}

/** The engine's own word for a format; a format that it lacks is left to it to refuse. */
function kvFormatFlag(rules: EngineRules, format: string, bare: PlanRequest): FlagValues {
  const equivalent = rules.translation.equivalents.kvFormat;
  if (equivalent === undefined) return {};
  const written = equivalent.write?.(format, plan(bare));
  const value = written === undefined ? format : written.value;
  return { [equivalent.flag]: value ?? format };
}
