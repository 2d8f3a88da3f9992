/** @module The typed flags of a start under another engine's names. */
import type { FlagValue, FlagValues } from "../plan/flag.ts";
import type { Plan } from "../plan/plan.ts";
import type { Concept, EngineRules, Equivalent, FlagEquivalent } from "../rules/engine-rules.ts";

export interface KeptFlag {
  readonly from: string;
  readonly to: string;
  readonly remark: string | null;
}

export interface DroppedFlag {
  readonly flag: string;
  readonly why: string;
}

export interface MappedFlags {
  readonly flags: Readonly<Record<string, FlagValue>>;
  readonly kept: readonly KeptFlag[];
  readonly dropped: readonly DroppedFlag[];
}

/** One of the two engines, with a plan that tells how its flags are to be read. */
export interface Side {
  readonly rules: EngineRules;
  readonly plan: Plan;
}

function written(name: string, value: FlagValue): string {
  return value === true ? `--${name}` : `--${name} ${[value].flat().join(" ")}`;
}

function equivalents(rules: EngineRules): readonly (readonly [Concept, FlagEquivalent])[] {
  return Object.entries(rules.translation.equivalents) as (readonly [Concept, FlagEquivalent])[];
}

interface Match {
  readonly flag: string;
  readonly equivalent: Equivalent;
}

/** The flag's equivalent on the other side; null where there is no such flag. */
function matchOf(name: string, value: FlagValue, from: Side, to: Side): Match | null {
  const found = equivalents(from.rules).find(([, { flag }]) => flag === name);
  const there = found === undefined ? undefined : to.rules.translation.equivalents[found[0]];
  if (found === undefined || there === undefined) return null;
  const shared = found[1].read?.(value, from.plan) ?? { value };
  if (shared.value === null) return null;
  return { flag: there.flag, equivalent: there.write?.(shared.value, to.plan) ?? shared };
}

/** Every typed flag but those that state the pool. */
export function mapFlags(flags: FlagValues, from: Side, to: Side): MappedFlags {
  const mapped: Record<string, FlagValue> = {};
  const kept: KeptFlag[] = [];
  const dropped: DroppedFlag[] = [];
  for (const [name, value] of Object.entries(flags)) {
    if (from.rules.pool.flags.includes(name)) continue;
    const match = matchOf(name, value, from, to);
    const there = match?.equivalent.value ?? null;
    if (match === null || there === null) {
      const why = to.rules.translation.lacks[name] ?? from.rules.translation.own[name];
      dropped.push({ flag: written(name, value), why: why ?? `${to.rules.title} has no such flag` });
      continue;
    }
    mapped[match.flag] = there;
    const remark = match.equivalent.remark ?? null;
    kept.push({ from: written(name, value), to: written(match.flag, there), remark });
  }
  return { flags: mapped, kept, dropped };
}
