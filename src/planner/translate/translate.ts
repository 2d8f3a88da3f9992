/** @module One engine's start as another's: flags that have an equivalent, those that have none, the same KV memory, both footprints. */
import { canonicalRequest, planStart, rulesOf } from "../engines/engines.ts";
import type { FlagValue, FlagValues } from "../plan/flag.ts";
import { canonicalFlags } from "../plan/flags.ts";
import { deepFreeze, type Plan, type PlanRequest } from "../plan/plan.ts";
import type { EngineRules } from "../rules/engine-rules.ts";
import { withSuggestions } from "../search/suggestions.ts";
import { type DroppedFlag, type KeptFlag, mapFlags, type Side } from "./map-flags.ts";
import { askedBytes, type Kept, largestFittingShare, matchAbsolute, matchShare } from "./match-pool.ts";

export interface Translation {
  readonly schema: "pagoda.translation/1";
  readonly from: Plan;
  readonly to: Plan;
  readonly flags: FlagValues;
  readonly command: readonly string[];
  readonly kept: readonly KeptFlag[];
  readonly dropped: readonly DroppedFlag[];
  readonly notes: readonly string[];
}

export interface TranslationTarget {
  readonly engine: string;
  readonly version: string | null;
  readonly keeps: Kept;
  /** Where the target runs, where that is another device than the source's. */
  readonly place?: Pick<PlanRequest, "device" | "usedBytes">;
  /** Flags that the target shall have in any case. */
  readonly flags?: FlagValues;
}

interface PrefixCaching {
  readonly flags: FlagValues;
  readonly note: string | null;
}

/** Engines differ in whether they share prefixes unless told otherwise: the target shall do as the source does. */
function prefixCaching(from: Side, to: Side): PrefixCaching {
  const [here, there] = [from.rules.roles.prefixCaching, to.rules.roles.prefixCaching];
  const none = { flags: {}, note: null };
  if (here === null || there === null) return none;
  const isOn = from.plan.settings[here]?.value === true;
  if ((to.plan.settings[there]?.value === true) === isOn) return none;
  const flags = { [there]: isOn ? (true as const) : "false" };
  const [mine, other] = [from.rules.title, to.rules.title];
  return isOn
    ? { flags, note: `${mine} shares prefixes here, ${other} by default does not: --${there} keeps it on.` }
    : {
        flags,
        note: `${mine} shares no prefixes here, ${other} by default does: --no-${there} keeps it off.`,
      };
}

/** Sizes that were not typed keep each engine's own default. */
function defaultNotes(from: Side, to: Side, answer: Plan): string[] {
  return (["sequences", "tokens", "blockSize"] as const).flatMap((role) => {
    const [here, there] = [from.rules.roles[role], to.rules.roles[role]];
    if (here === null || there === null) return [];
    const [mine, other] = [from.plan.settings[here], answer.settings[there]];
    if (mine === undefined || other === undefined || mine.value === other.value || other.from === "flag")
      return [];
    return [
      `--${here} is ${mine.value} by default here, --${there} ${other.value} there; each keeps its own.`,
    ];
  });
}

/** The same KV may be more than the other engine can start with: then the largest share that it can. */
function fallbackNote(to: Plan, plain: PlanRequest): string | null {
  if (to.verdict.kind === "fits") return null;
  const found = largestFittingShare(plain);
  if (found === null) return "With these flags no share surely starts there.";
  return `--${found.flag} ${found.share} surely starts there, with ${found.plan.kv?.numTokens.expected ?? 0} KV tokens.`;
}

/** Of an engine without a share, the context bounds the longest request too: the target is told that length. */
function lengthOfPool(from: Side, to: Side): FlagValues {
  const [here, there] = [from.plan.kv?.maxModelLen, to.plan.kv?.maxModelLen];
  if (from.rules.roles.share !== null || here === undefined) return {};
  return there !== undefined && here >= there ? {} : { [to.rules.roles.length]: String(here) };
}

function statesPool({ pool }: EngineRules, flags: FlagValues): boolean {
  return pool.absoluteFlags.some((name) => flags[name] !== undefined);
}

/**
 * Translates a start. Both plans are computed on the same device with the same neighbours.
 * @throws PagodaError `plan_invalid` where the source itself is refused by its engine.
 */
export function translateStart(typed: PlanRequest, target: TranslationTarget): Translation {
  const request = canonicalRequest(typed);
  const [source, rules] = [rulesOf(request.engine), rulesOf(target.engine)];
  const from: Side = { rules: source, plan: withSuggestions(request, planStart(request)) };
  const chosen = canonicalFlags(rules.title, rules.flags, target.flags ?? {});
  const bare: PlanRequest = {
    ...request,
    ...target.place,
    engine: target.engine,
    version: target.version,
    flags: chosen,
  };
  const to: Side = { rules, plan: planStart(bare) };
  const mapped = mapFlags(request.flags, from, to);
  const prefixes = prefixCaching(from, to);
  const others: Record<string, FlagValue> = { ...lengthOfPool(from, to), ...mapped.flags };
  if (rules.roles.prefixCaching !== null) delete others[rules.roles.prefixCaching];
  const plain = { ...bare, flags: { ...chosen, ...others, ...prefixes.flags } };
  const wanted = askedBytes(request, from.plan, target.keeps);
  const isStated = statesPool(source, request.flags) && target.keeps === "kv";
  const pool = isStated ? matchAbsolute(plain, wanted) : matchShare(plain, wanted, target.keeps);
  const flags = { ...chosen, ...pool.flags, ...others, ...prefixes.flags };
  const translated = { ...bare, flags };
  const answer = withSuggestions(translated, planStart(translated));
  const notes = [
    prefixes.note,
    pool.shortfall === null ? null : `The target cannot match it: ${pool.shortfall}.`,
    fallbackNote(answer, plain),
    ...defaultNotes(from, to, answer),
  ].filter((note) => note !== null);
  return deepFreeze({
    schema: "pagoda.translation/1",
    from: from.plan,
    to: answer,
    flags,
    command: answer.command,
    kept: mapped.kept,
    dropped: mapped.dropped,
    notes,
  });
}
